/**
 * Inside an iframe whose owner named its origin: reports the page's height to it.
 * @module
 */

import { isFramed } from "./scroll_anchoring.js";

/**
 * @param {string} feed
 * @param {string | undefined} parent The origin of the page around the frame.
 * @returns {() => void} What ends it.
 */
export function reportHeight(feed, parent) {
  const page = document.documentElement;
  const observer = new ResizeObserver(() => {
    window.parent.postMessage({ type: "stoppress:height", feed, height: page.offsetHeight }, /** @type {string} */ (parent));
  });
  if (parent && isFramed) observer.observe(page);
  return () => observer.disconnect();
}
