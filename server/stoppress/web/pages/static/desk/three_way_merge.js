/**
 * The members of a post that an editor may change, and the three-way merge of two changes.
 *
 * Pure. A draft holds every member that may be written, in the API's form; an empty
 * member is null, "", false or [], so that two drafts compare member by member.
 * @module
 */

/**
 * @typedef {{headline: string | null, body: string, key: boolean, breaking: boolean,
 *   pinned: boolean, tags: string[], authors: {name: string, url?: string}[],
 *   source: {name: string, url?: string} | null, media: {[member: string]: any}[],
 *   language: string | null, direction: string | null,
 *   correction: {note: string} | null}} Draft
 */

/** @type {Draft} */
export const EMPTY_DRAFT = Object.freeze({
  headline: null,
  body: "",
  key: false,
  breaking: false,
  pinned: false,
  tags: [],
  authors: [],
  source: null,
  media: [],
  language: null,
  direction: null,
  correction: null,
});

const DRAFT_MEMBERS = /** @type {(keyof Draft)[]} */ (Object.keys(EMPTY_DRAFT));

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
export function draftOf(post) {
  const draft = /** @type {any} */ ({});
  for (const name of DRAFT_MEMBERS) draft[name] = withoutNulls(post[name] ?? EMPTY_DRAFT[name]);
  if (draft.correction) draft.correction = { note: draft.correction.note };
  return draft;
}

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
  if (patch.source && base.source) {
    // A patch merges an object: members to remove must be null.
    const removed = Object.keys(base.source).map((member) => [member, null]);
    patch.source = { ...Object.fromEntries(removed), ...patch.source };
  }
  return patch;
}

/**
 * The members that differ.
 * @param {Draft} one
 * @param {Draft} other
 * @returns {(keyof Draft)[]}
 */
export const changedMembers = (one, other) =>
  DRAFT_MEMBERS.filter((name) => !isEqualJson(one[name], other[name]));

/**
 * My draft, rebased onto theirs: members that I did not change are theirs; members that
 * both changed stay mine and are listed as conflicts, so that theirs can be shown.
 * @param {Draft} base
 * @param {Draft} mine
 * @param {Draft} theirs
 * @returns {{draft: Draft, conflicts: (keyof Draft)[]}}
 */
export function rebase(base, mine, theirs) {
  const mineChanged = changedMembers(base, mine);
  const draft = /** @type {any} */ ({ ...theirs });
  for (const name of mineChanged) draft[name] = mine[name];
  const conflicts = mineChanged.filter(
    (name) => !isEqualJson(base[name], theirs[name]) && !isEqualJson(mine[name], theirs[name]),
  );
  return { draft, conflicts };
}
