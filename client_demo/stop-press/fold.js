/**
 * The one reducer: a reader's state after a snapshot and any events.
 *
 * Twin of `stoppress/domain/fold.py`, where the rules are written down; both are
 * held to `tests/fixtures/fold.json`. Pure: no state is changed after it is made.
 * @module
 */

import { parseCursor } from "./cursor.js";
import { isKnown } from "./event_types.js";

/**
 * @typedef {{name: string, url?: string, role?: string, image?: string}} Author
 * @typedef {{type: string, url?: string, variants?: {url: string, width: number}[],
 *   width?: number, height?: number, alt?: string, caption?: string, credit?: string,
 *   title?: string, text?: string, provider?: string, image?: string}} Media
 * @typedef {{id: string, published_at: string, rev?: number, url?: string,
 *   updated_at?: string, headline?: string, html?: string, language?: string,
 *   direction?: string, key?: boolean, breaking?: boolean, pinned?: boolean,
 *   verification?: string, tags?: string[], authors?: Author[], media?: Media[],
 *   source?: {name: string, url?: string}, location?: string,
 *   correction?: {note: string, at: string}, [member: string]: unknown}} Post A member that
 *   is not there is null, false or empty; so it is with a feed.
 * @typedef {{id: string, published_at?: undefined, pinned?: undefined}} WithdrawnPost
 * @typedef {Post | WithdrawnPost} ChangedPost
 * @typedef {{slug: string, status: string, language: string, direction: string,
 *   timezone: string, url?: string, title?: string, standfirst?: string, summary?: string,
 *   image?: {url: string, width?: number, height?: number, alt?: string},
 *   links?: {title: string, url: string}[], share?: string[], coverage_start?: string,
 *   closed_at?: string, show_verification?: boolean, [member: string]: unknown}} Feed
 * @typedef {[published_at: string, id: string]} Position
 * @typedef {{posts: Post[], next: string | null}} Page
 * @typedef {Page & {feed: Feed, cursor: string, pinned?: Post | null}} Snapshot
 * @typedef {{type: string, cursor: string, post?: ChangedPost, value?: Feed}} Message
 * @typedef {Omit<Message, "cursor"> & {cursor?: string, feed?: string, retry_ms?: number,
 *   count?: number}} LineMessage Any message of the line, not only an event.
 * @typedef {{feed: Feed, cursor: import("./cursor.js").Cursor,
 *   posts: Map<string, Post>, pinned?: Post | null, floor: Position | null,
 *   rising?: boolean}} State `rising`: the posts are read oldest first; `floor` is then
 *   the newest loaded post, and posts that sort above it come with the next page.
 */

/** The event does not follow the state's cursor: fetch a snapshot. */
export class Gap extends Error {}

/**
 * A post's position in the order of its feed.
 * @param {Post} post
 * @returns {Position}
 */
export const positionOf = (post) => [post.published_at, post.id];

/**
 * Whether a position sorts below another (is older).
 * @param {Position} one
 * @param {Position} other
 * @returns {boolean}
 */
export const isBelow = (one, other) =>
  one[0] < other[0] || (one[0] === other[0] && one[1] < other[1]);

/**
 * The loaded posts, newest first; if rising, oldest first.
 * @param {State} state
 * @returns {Post[]}
 */
export const ordered = ({ posts, rising }) =>
  [...posts.values()].sort((a, b) => (isBelow(positionOf(a), positionOf(b)) === !rising ? 1 : -1));

/**
 * Whether a position is outside the loaded range.
 * @param {{floor: Position | null, rising?: boolean}} state
 * @param {Position} position
 */
export const isUnloaded = ({ floor, rising }, position) =>
  floor && (rising ? isBelow(floor, position) : isBelow(position, floor));

/**
 * Whether a post belongs to the loaded posts, by its newest version.
 * @param {State} state
 * @param {ChangedPost} post
 */
export const isLoaded = (state, post) => post.published_at && !isUnloaded(state, positionOf(post));

/**
 * The state of a snapshot (`GET /v1/feeds/{feed}`).
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
 * The state with an older page added. Posts already loaded win.
 * @param {State} state
 * @param {Page} page
 * @returns {State}
 */
export function withPage(state, page) {
  const posts = new Map(page.posts.map((post) => [post.id, post]));
  for (const [id, post] of state.posts) posts.set(id, post);
  const last = page.posts.at(-1);
  return { ...state, posts, floor: page.next && last ? positionOf(last) : null };
}

/**
 * The state after one event message. Throws Gap if it does not follow the cursor.
 * @param {State} state
 * @param {Message} message
 * @returns {State}
 */
export function fold(state, message) {
  const cursor = parseCursor(message.cursor);
  const current = state.cursor;
  if (cursor.epoch !== current.epoch || cursor.seq > current.seq + 1) {
    throw new Gap(message.cursor);
  }
  if (cursor.seq <= current.seq) return state;
  const { type, post, value } = message;
  const after = { ...state, cursor };
  // An unknown type: only the cursor advances.
  if (!isKnown(type)) return after;
  return post ? withPost(after, post) : { ...after, feed: /** @type {Feed} */ (value) };
}

/**
 * @param {State} state
 * @param {ChangedPost} post
 * @returns {State}
 */
function withPost(state, post) {
  const posts = new Map(state.posts).set(post.id, /** @type {Post} */ (post));
  if (!isLoaded(state, post)) posts.delete(post.id);
  let { pinned } = state;
  if (post.pinned) pinned = post;
  else if (pinned?.id === post.id) pinned = null;
  return { ...state, posts, pinned };
}
