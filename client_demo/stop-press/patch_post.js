/**
 * Updates an article in place, part by part.
 *
 * Equal parts are never touched, so that a playing video goes on playing, an open menu
 * stays open and the focus stays. An embed that was loaded (`load_embed.js`) and a menu
 * that was opened (`share_post.js`) count as what they replaced.
 * @module
 */

/** @type {WeakMap<Element, Element>} What an element was before the reader used it. */
export const unused = new WeakMap();

/** Headings that the list puts first in an article, and that are no part of the post. */
const LIST_HEADINGS = ".sp-day, .sp-since";

/**
 * Make `old` like `fresh`, leaving equal parts untouched.
 * @param {Element} old
 * @param {Element} fresh
 */
export function patchElement(old, fresh) {
  for (const name of ["class", "data-at", "data-rev", "lang", "dir", "aria-labelledby"]) {
    const value = fresh.getAttribute(name);
    if (value === null) old.removeAttribute(name);
    else old.setAttribute(name, value);
  }
  const left = [...old.children].filter((part) => !part.matches(LIST_HEADINGS));
  const headings = old.children.length - left.length;
  const take = (/** @type {(part: Element) => boolean} */ fits) => {
    const index = left.findIndex(fits);
    return index < 0 ? null : left.splice(index, 1)[0];
  };
  const parts = [...fresh.children].map((part) => {
    const same = take((one) => (unused.get(one) ?? one).isEqualNode(part));
    if (same) return same;
    const content = /^sp-(what|foot)$/.test(part.className) && take((one) => one.className === part.className);
    if (!content) return part;
    patchElement(content, part);
    return content;
  });
  for (const part of left) part.remove();
  parts.forEach((part, index) => {
    const here = old.children[headings + index];
    if (part !== here) old.insertBefore(part, here ?? null);
  });
}
