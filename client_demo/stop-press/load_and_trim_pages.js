/**
 * Loads other posts than a feed's newest, and trims a state to its newest.
 * @module
 */

import { getJson } from "./http_requests_and_waits.js";
import { fromSnapshot, isLoaded, isUnloaded, ordered, positionOf, withPage } from "./fold.js";
import { isOldestFirst } from "./is_oldest_first.js";

/**
 * @typedef {import("./fold.js").State} State
 * @typedef {import("./http_requests_and_waits.js").Endpoint} Endpoint
 * @typedef {import("./unloaded_post_versions.js").UnloadedPosts} UnloadedPosts
 */

const MAX_PAGES = 10;

/**
 * The state of a snapshot down to the floor of `current`, and the path of the next older
 * page. Rejects as `loadSnapshot` does.
 * @param {Endpoint} endpoint
 * @param {import("./fold.js").Snapshot} snapshot
 * @param {State | null} current
 * @param {UnloadedPosts} unloaded
 * @param {AbortSignal} signal
 * @returns {Promise<[State, string | null]>}
 */
export async function loadPages(endpoint, snapshot, current, unloaded, signal) {
  const { from } = endpoint;
  const rising = isOldestFirst(from);
  let { posts, next } = snapshot;
  // The cursor makes the address unique: no cache has an older answer for it.
  const getPage = (/** @type {string} */ path) =>
    getJson(endpoint, `${path}&at=${snapshot.cursor}`, signal);
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
    state = withOlder(state, page, unloaded);
    next = page.next;
  }
  return [state, next];
}

/**
 * Have a reader hold its next older page too. Rejects if the hub refuses or does not answer.
 * @param {import("./client.js").Reader} reader
 * @param {UnloadedPosts} unloaded
 */
export async function addOlderPage(reader, unloaded) {
  const path = reader.next;
  if (!path) return;
  /** @type {import("./fold.js").Page} */
  const page = await reader.get(path);
  // Else the posts are others meanwhile.
  if (reader.next === path) reader.hold(withOlder(/** @type {State} */ (reader.state), page, unloaded), page.next);
}

/**
 * The state with an older page added, its posts in the newest known versions.
 * @param {State} before
 * @param {import("./fold.js").Page} page
 * @param {UnloadedPosts} unloaded
 * @returns {State}
 */
function withOlder(before, page, { newest, existing }) {
  const state = withPage(before, page);
  const posts = new Map(state.posts);
  for (const [id, known] of newest) {
    const post = /** @type {any} */ (posts.get(id));
    if (post ? known.published_at && known.rev <= post.rev : !existing.has(id)) continue;
    if (isLoaded(state, known)) posts.set(id, known);
    else posts.delete(id);
  }
  return { ...state, posts };
}

/**
 * Have a reader hold only its newest posts, and the path of the page that the others are on.
 * @param {import("./client.js").Reader} reader
 * @param {number} count
 */
export function trimToNewest(reader, count) {
  const { state } = reader;
  if (!state || state.posts.size <= count) return;
  const kept = ordered(state).slice(0, count);
  const floor = positionOf(kept[count - 1]);
  const posts = new Map(kept.map((post) => [post.id, post]));
  // In the form of the server's own page marks (`stoppress/web/paginate_posts_as_json.py`).
  const mark = btoa(`${Date.parse(floor[0])}.${floor[1]}`);
  reader.hold({ ...state, posts, floor }, `/v1/feeds/${state.feed.slug}/posts?before=${mark}`);
}
