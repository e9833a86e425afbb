/**
 * What came and is not shown yet: counted on a button and in the title, and announced.
 *
 * Only counts are announced, never contents.
 * @module
 */

import { countOf } from "./localization.js";

const ANNOUNCE_MS = 1500;

/**
 * @param {HTMLElement} button
 * @param {HTMLElement} says
 * @param {import("./localization.js").Words} words
 * @param {boolean} own Whether the page's title may be counted in.
 * @param {() => boolean} settled Whether nothing more is on its way to who is back: all
 *   is said at once, when it is there.
 */
export function newsOf(button, says, words, own, settled) {
  const { title } = document;
  let arrived = 0;
  /** @type {any} */
  let announcing;
  const news = {
    /** @type {Set<string>} */
    waiting: new Set(),

    /** What waited, which is now to be shown. */
    take() {
      const { waiting } = news;
      news.waiting = new Set();
      return waiting;
    },

    /** Say how many wait. */
    count() {
      const n = news.waiting.size;
      button.hidden = !n;
      if (n) button.textContent = countOf(words, "new", n);
      const told = n ? `(${n}) ${title}` : title;
      if (own && document.title !== told) document.title = told;
    },

    /** @param {number} [n] So many more. */
    announce(n = 0) {
      arrived += n;
      if (!arrived || announcing || document.hidden) return;
      announcing = setTimeout(() => {
        announcing = 0;
        if (!settled()) return;
        says.textContent = countOf(words, "new", arrived);
        arrived = 0;
      }, ANNOUNCE_MS);
    },

    stop() {
      clearTimeout(announcing);
      announcing = 0;
      if (own) document.title = title;
    },
  };
  return news;
}
