/**
 * The list of key moments: links to the newest key posts, loaded or not.
 *
 * The list in the page is the state: the server wrote it, or it is fetched.
 * @module
 */

import { formatCursor } from "./cursor.js";
import { isBelow, positionOf } from "./fold.js";
import { plainClickOn } from "./plain_click.js";
import { labelDays, renderKeyMoment } from "./render_head_and_side_boxes.js";
import { articlePosition } from "./state_from_page.js";

/** As many as the server shows. */
const MAX_KEY_MOMENTS = 10;

/**
 * @param {HTMLElement} box
 * @param {import("./render_post.js").Context} ctx
 */
export function createKeyMoments(box, ctx) {
  const list = /** @type {HTMLElement} */ (box.lastElementChild);
  /**
   * @type {any[]} Changed posts in order, or only the ids of withdrawn ones; null: the
   *   list is out of date as a whole.
   */
  let changes = [];
  /** @type {object | null} The fetch that is under way. */
  let fetching = null;
  return {
    /** @param {any} post A changed post, or only the id of a withdrawn one. */
    note: (post) => changes.push(post),

    /**
     * Fetch the key posts: events were missed.
     * @param {import("./client.js").Reader} reader
     */
    async renew(reader) {
      const mine = (fetching = {});
      changes = [];
      const { feed, cursor } = /** @type {import("./fold.js").State} */ (reader.state);
      // The cursor makes the address unique: no cache has an older answer for it.
      const query = `key=true&limit=${MAX_KEY_MOMENTS}&at=${formatCursor(cursor)}`;
      /** @type {{posts: any[]}} None if the server does not answer. */
      const { posts } = await reader.get(`/v1/feeds/${feed.slug}/posts?${query}`).catch(() => ({ posts: [] }));
      if (mine !== fetching) return;
      fetching = null;
      // Changes that arrived meanwhile are newer than the answer.
      changes.unshift(null, ...posts);
    },

    /** Apply the changes to the list. */
    draw() {
      if (fetching || !changes.length) return;
      for (const post of changes.splice(0)) {
        if (!post) list.replaceChildren();
        else list.querySelector(`[data-id="${post.id}"]`)?.remove();
        if (post?.key) {
          const below = [...list.children].find((item) => isBelow(articlePosition(item), positionOf(post)));
          list.insertBefore(renderKeyMoment(post, ctx), below ?? null);
          list.children[MAX_KEY_MOMENTS]?.remove();
        }
      }
      labelDays(list, ctx);
      box.hidden = !list.firstChild;
    },
  };
}

/**
 * A click on a key moment goes to its post, if that is loaded.
 * @param {MouseEvent} event
 * @param {HTMLElement} posts
 */
export function jumpToPost(event, posts) {
  const item = plainClickOn(event, "li");
  /** @type {HTMLElement | null} */
  const post = item && posts.querySelector(`[data-id="${item.dataset.id}"]`);
  if (!post) return;
  event.preventDefault();
  post.scrollIntoView();
  post.focus({ preventScroll: true });
}
