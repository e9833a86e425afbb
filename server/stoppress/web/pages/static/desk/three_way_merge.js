/**
 * What an editor may change of a post, and how two changes to one post meet.
 *
 * Pure. A draft holds every member that may be written, as the API takes it; an
 * empty one is null, "", false or [], so that two drafts compare member by member.
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
export const EMPTY = Object.freeze({
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

const MEMBERS = /** @type {(keyof Draft)[]} */ (Object.keys(EMPTY));

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
export function draftOf(post) {
  const draft = /** @type {any} */ ({});
  for (const name of MEMBERS) draft[name] = bare(post[name] ?? EMPTY[name]);
  if (draft.correction) draft.correction = { note: draft.correction.note };
  return draft;
}

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
  if (patch.source && base.source) {
    // An object is merged, not replaced: what is to go must be said.
    const gone = Object.keys(base.source).map((member) => [member, null]);
    patch.source = { ...Object.fromEntries(gone), ...patch.source };
  }
  return patch;
}

/**
 * The members that differ.
 * @param {Draft} one
 * @param {Draft} other
 * @returns {(keyof Draft)[]}
 */
export const changed = (one, other) =>
  MEMBERS.filter((name) => !same(one[name], other[name]));

/**
 * My draft, put on top of theirs: what I did not touch is theirs, what both
 * touched stays mine and is named, so that theirs can be shown beside it.
 * @param {Draft} base
 * @param {Draft} mine
 * @param {Draft} theirs
 * @returns {{draft: Draft, disputed: (keyof Draft)[]}}
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
