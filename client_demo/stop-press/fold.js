/**
 * The one reducer: what a reader holds, after a snapshot and any events.
 *
 * Twin of `stoppress/domain/fold.py`, where the rules are written down; both are
 * held to `tests/fixtures/fold.json`. Pure: a state is never changed in place.
 * @module
 */

import { parseCursor } from "./cursor.js";

/**
 * @typedef {{id: string, published_at: string, pinned?: boolean, rev?: number,
 *   [member: string]: any}} Post A member that is not there is null, false or empty; so it
 *   is with a feed.
 * @typedef {{[member: string]: any}} Feed
 * @typedef {[published_at: string, id: string]} Place
 * @typedef {{posts: Post[], next: string | null}} Page
 * @typedef {Page & {feed: Feed, cursor: string, pinned?: Post | null}} Snapshot
 * @typedef {{type: string, cursor: string, post?: any, value?: Feed}} Message
 * @typedef {{feed: Feed, cursor: import("./cursor.js").Cursor,
 *   posts: Map<string, Post>, pinned?: Post | null, floor: Place | null,
 *   rising?: boolean}} State `rising`: read from the oldest post on; then `floor` is the
 *   newest that was loaded, and what sorts above it will come with the next page.
 */

/** An event does not follow on what is held: fetch a snapshot. */
export class Gap extends Error {}

/**
 * Where a post stands in the order of its feed.
 * @param {Post} post
 * @returns {Place}
 */
export const place = (post) => [post.published_at, post.id];

/**
 * Whether a place sorts below another (is older).
 * @param {Place} one
 * @param {Place} other
 * @returns {boolean}
 */
export const isBelow = (one, other) =>
  one[0] < other[0] || (one[0] === other[0] && one[1] < other[1]);

/**
 * The posts held, newest first; rising: oldest first.
 * @param {State} state
 * @returns {Post[]}
 */
export const ordered = ({ posts, rising }) =>
  [...posts.values()].sort((a, b) => (isBelow(place(a), place(b)) === !rising ? 1 : -1));

/**
 * Whether a place lies beyond what was loaded.
 * @param {{floor: Place | null, rising?: boolean}} state
 * @param {Place} place
 */
export const isBeyond = ({ floor, rising }, place) =>
  floor && (rising ? isBelow(floor, place) : isBelow(place, floor));

/**
 * Whether a post is among those that are held, as the news of it says.
 * @param {State} state
 * @param {any} post A post, or the id alone of one that was withdrawn.
 */
export const isHeld = (state, post) => post.published_at && !isBeyond(state, place(post));

/**
 * The state that a snapshot (`GET /v1/feeds/{feed}`) gives.
 * @param {Snapshot} snapshot
 * @returns {State}
 */
export const fromSnapshot = (snapshot) =>
  withPage(
    {
      feed: snapshot.feed,
      cursor: parseCursor(snapshot.cursor),
      posts: new Map(),
      pinned: snapshot.pinned,
      floor: null,
    },
    snapshot,
  );

/**
 * The state after an older page has been loaded. What is held already wins.
 * @param {State} state
 * @param {Page} page
 * @returns {State}
 */
export function withPage(state, page) {
  const posts = new Map(page.posts.map((post) => [post.id, post]));
  for (const [id, post] of state.posts) posts.set(id, post);
  const last = page.posts.at(-1);
  return { ...state, posts, floor: page.next && last ? place(last) : null };
}

/**
 * The state after one event message. Throws Gap if it does not follow.
 * @param {State} state
 * @param {Message} message
 * @returns {State}
 */
export function fold(state, message) {
  const cursor = parseCursor(message.cursor);
  const held = state.cursor;
  if (cursor.epoch !== held.epoch || cursor.seq > held.seq + 1) {
    throw new Gap(message.cursor);
  }
  if (cursor.seq <= held.seq) return state;
  switch (message.type) {
    case "feed.updated":
      return { ...state, cursor, feed: /** @type {Feed} */ (message.value) };
    case "post.withdrawn":
    case "post.published":
    case "post.updated":
      return withPost(state, cursor, message.post);
    default:
      // A kind this reader does not know yet: it counts, and changes nothing.
      return { ...state, cursor };
  }
}

/**
 * @param {State} state
 * @param {import("./cursor.js").Cursor} cursor
 * @param {any} post A post, or the id alone of one that was withdrawn.
 * @returns {State}
 */
function withPost(state, cursor, post) {
  const posts = new Map(state.posts).set(post.id, post);
  if (!isHeld(state, post)) posts.delete(post.id);
  let { pinned } = state;
  if (post.pinned) pinned = post;
  else if (pinned?.id === post.id) pinned = null;
  return { ...state, cursor, posts, pinned };
}
