/**
 * A feed's snapshot, together with the older pages that a reader had loaded.
 * @module
 */

import { formatCursor, parseCursor, reaches } from "./cursor.js";
import { getJson } from "./fetch.js";
import { fromSnapshot, isBelow, withPage } from "./fold.js";

/**
 * @typedef {import("./fold.js").State} State
 * @typedef {import("./cursor.js").Cursor} Cursor
 */

const MOST_PAGES = 10;

/**
 * The feed as it is at `at` or later, down to the floor of what is held; null if what
 * is held is as new. Rejects if it can't be had now, or is refused (`code`).
 * @param {import("./fetch.js").Hub} hub
 * @param {Cursor | null} at
 * @param {State | null} held
 * @param {import("./beyond.js").Beyond} beyond
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
  let state = fromSnapshot(snapshot);
  let { next } = snapshot;
  for (let pages = 0; held?.posts.size && next && pages < MOST_PAGES; pages += 1) {
    if (held.floor && !isBelow(held.floor, /** @type {any} */ (state.floor))) break;
    const page = await getJson(hub, next, signal);
    state = beyond.over(withPage(state, page));
    next = page.next;
  }
  return [state, next];
}
