/**
 * Posts that have arrived and are not shown yet: counted on a button, and announced to
 * screen readers.
 *
 * Announcements hold counts only, never contents.
 * @module
 */

import { countText } from "./localization.js";

const ANNOUNCE_DELAY_MS = 1500;

/**
 * @param {HTMLElement} button
 * @param {HTMLElement} announcer The live region.
 * @param {import("./localization.js").Words} words
 * @param {() => boolean} isSettled False while the line is reconnecting: what arrives
 *   then is announced together, afterwards.
 */
export function createNewPosts(button, announcer, words, isSettled) {
  let unannounced = 0;
  /** @type {any} */
  let timer;
  const newPosts = {
    /** @type {Set<string>} */
    waitingIds: new Set(),

    /** The ids that waited; from now on none does. */
    take() {
      const { waitingIds } = newPosts;
      newPosts.waitingIds = new Set();
      return waitingIds;
    },

    /** Show how many wait. */
    count() {
      const n = newPosts.waitingIds.size;
      button.hidden = !n;
      button.textContent = countText(words, "new", n);
      button.dataset.count = String(n);
    },

    /** @param {number} [n] How many more have arrived. */
    announce(n = 0) {
      unannounced += n;
      if (!unannounced || timer || document.hidden) return;
      timer = setTimeout(() => {
        timer = 0;
        if (!isSettled()) return;
        announcer.textContent = countText(words, "new", unannounced);
        unannounced = 0;
      }, ANNOUNCE_DELAY_MS);
    },

    stop() {
      clearTimeout(timer);
      timer = 0;
    },
  };
  return newPosts;
}
