/**
 * The members of a post that an editor may change, and the three-way merge of two changes.
 *
 * Pure. A draft holds every field that may be written (`post_field_table.js`); an empty one
 * is null, "", false or [], so that two drafts compare field by field.
 * @module
 */

import { EMPTY_DRAFT, FIELD_NAMES, draftBy } from "./post_field_table.js";
import { mergeText } from "./text_merge.js";

/**
 * @typedef {import("./post_field_table.js").Draft} Draft
 * @typedef {import("./post_field_table.js").Name} Name
 */

/**
 * Whether two values are the same JSON, whatever the order of their members.
 * @param {any} one
 * @param {any} other
 * @returns {boolean}
 */
export function isEqualJson(one, other) {
  if (one === null || other === null || typeof one !== "object") return one === other;
  const names = Object.keys(one);
  return (
    typeof other === "object" &&
    names.length === Object.keys(other).length &&
    names.every((name) => name in other && isEqualJson(one[name], other[name]))
  );
}

/**
 * The draft that gives a post. Nested members that are null are left out.
 * @param {{[member: string]: any}} post
 * @returns {Draft}
 */
export const draftOf = (post) =>
  draftBy(({ empty, of = withoutNulls }, name) => of(post[name] ?? empty));

/**
 * @param {any} value
 * @returns {any}
 */
function withoutNulls(value) {
  if (value === null || typeof value !== "object") return value;
  if (Array.isArray(value)) return value.map(withoutNulls);
  const given = Object.entries(value).filter(([, member]) => member !== null);
  return Object.fromEntries(given.map(([name, member]) => [name, withoutNulls(member)]));
}

/**
 * The body that creates a post: without empty members.
 * @param {Draft} draft
 * @returns {{[member: string]: any}}
 */
export const filledMembers = (draft) => mergePatch(EMPTY_DRAFT, draft);

/**
 * The merge patch (RFC 7396) that turns `base` into `mine`.
 * @param {Draft} base
 * @param {Draft} mine
 * @returns {{[member: string]: any}}
 */
export function mergePatch(base, mine) {
  const patch = /** @type {any} */ ({});
  for (const name of changedMembers(base, mine)) patch[name] = mine[name];
  for (const [name, value] of Object.entries(patch)) {
    const old = base[/** @type {Name} */ (name)];
    if (!isObject(value) || !isObject(old)) continue;
    // A patch merges an object: members to remove must be null.
    const removed = Object.keys(old).map((member) => [member, null]);
    patch[name] = { ...Object.fromEntries(removed), ...value };
  }
  return patch;
}

/**
 * @param {unknown} value
 * @returns {value is object}
 */
const isObject = (value) =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/**
 * The members that differ.
 * @param {Draft} one
 * @param {Draft} other
 * @returns {Name[]}
 */
export const changedMembers = (one, other) =>
  FIELD_NAMES.filter((name) => !isEqualJson(one[name], other[name]));

/**
 * My draft, rebased onto theirs: members that I did not change are theirs; a text of which
 * both changed other lines is merged; other members that both changed stay mine and are
 * listed as conflicts, so that theirs can be shown.
 * @param {Draft} base
 * @param {Draft} mine
 * @param {Draft} theirs
 * @returns {{draft: Draft, conflicts: Name[]}}
 */
export function rebase(base, mine, theirs) {
  const mineChanged = changedMembers(base, mine);
  const draft = /** @type {any} */ ({ ...theirs });
  for (const name of mineChanged) draft[name] = mine[name];
  const merged = mergeText(base.body, mine.body, theirs.body);
  if (merged !== null) draft.body = merged;
  const conflicts = mineChanged.filter(
    (name) =>
      !isEqualJson(base[name], theirs[name]) &&
      !isEqualJson(mine[name], theirs[name]) &&
      (name !== "body" || merged === null),
  );
  return { draft, conflicts };
}
