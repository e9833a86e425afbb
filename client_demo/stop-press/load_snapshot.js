/**
 * Loads a feed's snapshot, with as many older pages as the reader had loaded.
 * @module
 */

import { formatCursor, parseCursor, reaches } from "./cursor.js";
import { getJson } from "./http_requests_and_waits.js";
import { fromSnapshot } from "./fold.js";

/**
 * @typedef {import("./fold.js").State} State
 * @typedef {import("./cursor.js").Cursor} Cursor
 */

/**
 * The feed's state at `at` or later, down to the floor of `current`, and the path of the
 * next older page; null if `current` is as new. Rejects if the server refuses (`code`) or
 * does not answer.
 * @param {import("./http_requests_and_waits.js").Endpoint} endpoint
 * @param {Cursor | null} at
 * @param {State | null} current
 * @param {import("./unloaded_post_versions.js").UnloadedPosts} unloaded
 * @param {AbortSignal} signal
 * @returns {Promise<[State, string | null] | null>}
 */
export async function loadSnapshot(endpoint, at, current, unloaded, signal) {
  const query = at ? `?at=${formatCursor(at)}` : "";
  const snapshot = await getJson(endpoint, `/v1/feeds/${endpoint.feed}${query}`, signal);
  const cursor = parseCursor(snapshot.cursor);
  // From a server that is behind: asked again. Nobody is shown the message.
  if (at && !reaches(cursor, at)) throw new Error(query);
  if (current && reaches(current.cursor, cursor)) return null;
  unloaded.forgetPosts(current?.cursor.epoch === cursor.epoch);
  if (endpoint.from || (current?.posts.size && snapshot.next)) {
    const { loadPages } = await import("./load_and_trim_pages.js");
    return loadPages(endpoint, snapshot, current, unloaded, signal);
  }
  return [fromSnapshot(snapshot), snapshot.next];
}
