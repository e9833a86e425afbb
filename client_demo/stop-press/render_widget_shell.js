/**
 * The DOM of a whole feed without its posts and its head, in another site's page.
 * @module
 */

import { fragment } from "./render_post.js";

/**
 * The frame of a feed, from the table of words; `feed_view.js` fills it.
 * @param {import("./render_post.js").Context} ctx
 * @returns {HTMLElement}
 */
export function renderFrame({ words, feed, base }) {
  const root = /** @type {HTMLElement} */ (fragment(words.frame, base).firstElementChild);
  root.lang = feed.language;
  root.dir = feed.direction;
  /** @type {HTMLElement} */ (root.querySelector(".sp-title")).textContent = /** @type {string} */ (feed.title);
  return root;
}
