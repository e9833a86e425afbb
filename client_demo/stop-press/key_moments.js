/**
 * The list of key moments: the newest key posts, loaded or not, as links to them.
 *
 * The list itself is what is known of them: the server wrote it, or it is asked for.
 * @module
 */

import { clicked } from "./plain_click.js";
import { formatCursor } from "./cursor.js";
import { isBelow, place } from "./fold.js";
import { renderKey } from "./render_feed.js";
import { placeOf } from "./state_from_page.js";

/** As many as the server shows. */
const MOST_KEYS = 10;

/**
 * @param {HTMLElement} box
 * @param {import("./render_post.js").Context} ctx
 */
export function keysOf(box, ctx) {
  const list = /** @type {HTMLElement} */ (box.lastElementChild);
  /**
   * @type {any[]} What became of posts, in order, or the ids alone of those that were
   *   withdrawn; null: nothing that is in the list is known any more.
   */
  let turned = [];
  /** @type {object | null} The question that is under way. */
  let asking = null;
  return {
    /** @param {any} post As one of `turned`. */
    note: (post) => turned.push(post),

    /**
     * Ask for the key posts, as no event tells what became of them.
     * @param {import("./client.js").Reader} reader
     */
    async renew(reader) {
      const asked = (asking = {});
      turned = [];
      const posts = await momentsOf(reader);
      if (asked !== asking) return;
      asking = null;
      // What came meanwhile is newer than the answer.
      turned.unshift(null, ...posts);
    },

    /** Bring the list up to what became of posts. */
    draw() {
      if (asking) return;
      for (const post of turned.splice(0)) {
        if (!post) list.replaceChildren();
        else list.querySelector(`[data-id="${post.id}"]`)?.remove();
        if (post?.key) {
          const below = [...list.children].find((one) => isBelow(placeOf(one), place(post)));
          list.insertBefore(renderKey(post, ctx), below ?? null);
          list.children[MOST_KEYS]?.remove();
        }
      }
      box.hidden = !list.firstChild;
    },
  };
}

/**
 * The newest key posts, as they are at what is held or later; none if they can't be had.
 * @param {import("./client.js").Reader} reader
 * @returns {Promise<any[]>}
 */
async function momentsOf(reader) {
  try {
    const { feed, cursor } = /** @type {import("./fold.js").State} */ (reader.state);
    // The place makes the address another one: no cache has an older answer for it.
    const query = `key=true&limit=${MOST_KEYS}&at=${formatCursor(cursor)}`;
    return (await reader.get(`/v1/feeds/${feed.slug}/posts?${query}`)).posts;
  } catch {
    return [];
  }
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
