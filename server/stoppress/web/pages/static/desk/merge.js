/**
 * What an editor may change of a post, and how two changes to one post meet.
 *
 * Pure. A draft holds every field that may be written (`post_fields.js`); an empty one
 * is null, "", false or [], so that two drafts compare field by field.
 * @module
 */

import { EMPTY, NAMES, draftBy } from "./post_fields.js";

/**
 * @typedef {import("./post_fields.js").Draft} Draft
 * @typedef {import("./post_fields.js").Name} Name
 */

/**
 * Whether two values are the same JSON, whatever the order of their members.
 * @param {any} one
 * @param {any} other
 * @returns {boolean}
 */
export function same(one, other) {
  if (one === null || other === null || typeof one !== "object") return one === other;
  const names = Object.keys(one);
  return (
    typeof other === "object" &&
    names.length === Object.keys(other).length &&
    names.every((name) => name in other && same(one[name], other[name]))
  );
}

/**
 * The draft that a post was made from. Members that are null inside are left out.
 * @param {{[member: string]: any}} post
 * @returns {Draft}
 */
export const draftOf = (post) =>
  draftBy(({ empty, of = bare }, name) => of(post[name] ?? empty));

/**
 * @param {any} value
 * @returns {any}
 */
function bare(value) {
  if (value === null || typeof value !== "object") return value;
  if (Array.isArray(value)) return value.map(bare);
  const given = Object.entries(value).filter(([, member]) => member !== null);
  return Object.fromEntries(given.map(([name, member]) => [name, bare(member)]));
}

/**
 * What to send for a new post: nothing that is empty.
 * @param {Draft} draft
 * @returns {{[member: string]: any}}
 */
export const written = (draft) => difference(EMPTY, draft);

/**
 * The merge patch (RFC 7396) that makes `mine` of `base`.
 * @param {Draft} base
 * @param {Draft} mine
 * @returns {{[member: string]: any}}
 */
export function difference(base, mine) {
  const patch = /** @type {any} */ ({});
  for (const name of changed(base, mine)) patch[name] = mine[name];
  for (const [name, value] of Object.entries(patch)) {
    const old = base[/** @type {Name} */ (name)];
    if (!isObject(value) || !isObject(old)) continue;
    // An object is merged, not replaced: what is to go must be said.
    const gone = Object.keys(old).map((member) => [member, null]);
    patch[name] = { ...Object.fromEntries(gone), ...value };
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
export const changed = (one, other) =>
  NAMES.filter((name) => !same(one[name], other[name]));

/**
 * My draft, put on top of theirs: what I did not touch is theirs, what both
 * touched stays mine and is named, so that theirs can be shown beside it.
 * @param {Draft} base
 * @param {Draft} mine
 * @param {Draft} theirs
 * @returns {{draft: Draft, disputed: Name[]}}
 */
export function rebase(base, mine, theirs) {
  const touched = changed(base, mine);
  const draft = /** @type {any} */ ({ ...theirs });
  for (const name of touched) draft[name] = mine[name];
  const disputed = touched.filter(
    (name) => !same(base[name], theirs[name]) && !same(mine[name], theirs[name]),
  );
  return { draft, disputed };
}
