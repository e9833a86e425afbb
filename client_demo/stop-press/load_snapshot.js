/**
 * How much of a feed is held: its snapshot, with the older pages that a reader had
 * loaded, and not more than the newest so many.
 * @module
 */

import { formatCursor, parseCursor, reaches } from "./cursor.js";
import { getJson } from "./fetch_json.js";
import { fromSnapshot, isBeyond, ordered, place, withPage } from "./fold.js";
import { isRising } from "./post_selection.js";

/**
 * @typedef {import("./fold.js").State} State
 * @typedef {import("./cursor.js").Cursor} Cursor
 */

const MOST_PAGES = 10;

/**
 * The feed as it is at `at` or later, down to the floor of what is held; null if what
 * is held is as new. Rejects if it can't be had now, or is refused (`code`).
 * @param {import("./fetch_json.js").Hub} hub
 * @param {Cursor | null} at
 * @param {State | null} held
 * @param {import("./unloaded_posts.js").Beyond} beyond
 * @param {AbortSignal} signal
 * @returns {Promise<[State, string | null] | null>}
 */
export async function snapshotOf(hub, at, held, beyond, signal) {
  const asked = at ? `?at=${formatCursor(at)}` : "";
  const snapshot = await getJson(hub, `/v1/feeds/${hub.feed}${asked}`, signal);
  const cursor = parseCursor(snapshot.cursor);
  if (at && !reaches(cursor, at)) throw new Error("too old");
  if (held && reaches(held.cursor, cursor)) return null;
  beyond.leap(held?.cursor.epoch === cursor.epoch);
  const { from } = hub;
  const rising = isRising(from);
  let { posts, next } = snapshot;
  // A place makes the address another one: no cache has an older answer for it.
  const pageOf = (/** @type {string} */ path) =>
    getJson(hub, `${path}${path.includes("?") ? "&" : "?"}at=${snapshot.cursor}`, signal);
  if (from) {
    ({ posts, next } = await pageOf(from));
    // Of those above, what came since the page was made is counted.
    const news = (/** @type {any} */ { published_at }) => hub.newest && published_at > hub.newest;
    posts = [...snapshot.posts.filter(news), ...posts];
  }
  /** @type {State} */
  let state = { ...fromSnapshot({ ...snapshot, posts, next }), rising };
  for (let pages = 0; held?.posts.size && next && pages < MOST_PAGES; pages += 1) {
    if (held.floor && !isBeyond(state, held.floor)) break;
    const page = await pageOf(next);
    state = beyond.over(withPage(state, page));
    next = page.next;
  }
  return [state, next];
}

/**
 * The newest posts of what is held, and the path of those that are let go.
 * @param {State} state
 * @param {string} feed
 * @param {number} most
 * @returns {[State, string]}
 */
export function newestOf(state, feed, most) {
  const held = ordered(state).slice(0, most);
  const floor = place(held[most - 1]);
  const posts = new Map(held.map((post) => [post.id, post]));
  // The server's own mark (`stoppress/web/pagination.py`).
  const mark = btoa(`${Date.parse(floor[0])}.${floor[1]}`);
  return [{ ...state, posts, floor }, `/v1/feeds/${feed}/posts?before=${mark}`];
}
