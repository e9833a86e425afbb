/**
 * The list of key moments: the newest key posts, loaded or not, as links to them.
 *
 * The list itself is what is known of them: the server wrote it, or it is asked for.
 * @module
 */

import { clicked } from "./click.js";
import { formatCursor } from "./cursor.js";
import { isBelow, place } from "./fold.js";
import { renderKey } from "./frame.js";
import { placeOf } from "./held.js";

/** As many as the server shows. */
const MOST_KEYS = 10;

/**
 * The newest key posts, as they are at what is held or later; none if they can't be had.
 * @param {import("./client.js").Reader} reader
 * @param {import("./fold.js").State} state
 * @returns {Promise<any[]>}
 */
export async function momentsOf(reader, { feed, cursor }) {
  // The place makes the address another one: no cache has an older answer for it.
  const query = `key=true&limit=${MOST_KEYS}&at=${formatCursor(cursor)}`;
  try {
    return (await reader.get(`/v1/feeds/${feed.slug}/posts?${query}`)).posts;
  } catch {
    return [];
  }
}

/**
 * Bring the list up to what became of posts.
 * @param {HTMLElement} box
 * @param {any[]} turned Posts, or the ids alone of those that were withdrawn, in order;
 *   null: nothing that is in the list is known any more.
 * @param {import("./render.js").Context} ctx
 */
export function keep(box, turned, ctx) {
  const list = /** @type {HTMLElement} */ (box.lastElementChild);
  for (const post of turned) {
    if (!post) list.replaceChildren();
    else list.querySelector(`[data-id="${post.id}"]`)?.remove();
    if (!post?.key) continue;
    const below = [...list.children].find((one) => isBelow(placeOf(one), place(post)));
    list.insertBefore(renderKey(post, ctx), below ?? null);
    list.children[MOST_KEYS]?.remove();
  }
  box.hidden = !list.firstChild;
}

/**
 * A click on a key moment goes to its post where that is loaded.
 * @param {MouseEvent} event
 * @param {HTMLElement} posts
 */
export function jump(event, posts) {
  const item = clicked(event, "li");
  /** @type {HTMLElement | null} */
  const post = item && posts.querySelector(`[data-id="${item.dataset.id}"]`);
  if (!post) return;
  event.preventDefault();
  post.scrollIntoView();
  post.focus({ preventScroll: true });
}
