/**
 * Loads a feed's snapshot with as many older pages as the reader had loaded, and trims a
 * state to its newest posts.
 * @module
 */

import { formatCursor, parseCursor, reaches } from "./cursor.js";
import { getJson } from "./fetch_json.js";
import { fromSnapshot, isUnloaded, ordered, positionOf, withPage } from "./fold.js";
import { isRising } from "./post_selection.js";

/**
 * @typedef {import("./fold.js").State} State
 * @typedef {import("./cursor.js").Cursor} Cursor
 */

const MAX_PAGES = 10;

/**
 * The feed's state at `at` or later, down to the floor of `current`, and the path of the
 * next older page; null if `current` is as new. Rejects if the hub refuses (`code`) or
 * does not answer.
 * @param {import("./fetch_json.js").Endpoint} endpoint
 * @param {Cursor | null} at
 * @param {State | null} current
 * @param {import("./unloaded_posts.js").UnloadedPosts} unloaded
 * @param {AbortSignal} signal
 * @returns {Promise<[State, string | null] | null>}
 */
export async function loadSnapshot(endpoint, at, current, unloaded, signal) {
  const query = at ? `?at=${formatCursor(at)}` : "";
  const snapshot = await getJson(endpoint, `/v1/feeds/${endpoint.feed}${query}`, signal);
  const cursor = parseCursor(snapshot.cursor);
  if (at && !reaches(cursor, at)) throw new Error("too old");
  if (current && reaches(current.cursor, cursor)) return null;
  unloaded.forget(current?.cursor.epoch === cursor.epoch);
  const { from } = endpoint;
  const rising = isRising(from);
  let { posts, next } = snapshot;
  // The cursor makes the address unique: no cache has an older answer for it.
  const getPage = (/** @type {string} */ path) =>
    getJson(endpoint, `${path}${path.includes("?") ? "&" : "?"}at=${snapshot.cursor}`, signal);
  if (from) {
    ({ posts, next } = await getPage(from));
    // Posts above the page are counted only if they came after it was made.
    const isNew = (/** @type {any} */ { published_at }) => endpoint.newest && published_at > endpoint.newest;
    posts = [...snapshot.posts.filter(isNew), ...posts];
  }
  /** @type {State} */
  let state = { ...fromSnapshot({ ...snapshot, posts, next }), rising };
  for (let pages = 0; current?.posts.size && next && pages < MAX_PAGES; pages += 1) {
    if (current.floor && !isUnloaded(state, current.floor)) break;
    const page = await getPage(next);
    state = unloaded.applyTo(withPage(state, page));
    next = page.next;
  }
  return [state, next];
}

/**
 * The state with only its newest posts, and the path of the page that the others are on.
 * @param {State} state
 * @param {string} feed
 * @param {number} count
 * @returns {[State, string]}
 */
export function keepNewest(state, feed, count) {
  const kept = ordered(state).slice(0, count);
  const floor = positionOf(kept[count - 1]);
  const posts = new Map(kept.map((post) => [post.id, post]));
  // In the form of the server's own page marks (`stoppress/web/pagination.py`).
  const mark = btoa(`${Date.parse(floor[0])}.${floor[1]}`);
  return [{ ...state, posts, floor }, `/v1/feeds/${feed}/posts?before=${mark}`];
}
