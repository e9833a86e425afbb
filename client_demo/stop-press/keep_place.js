/**
 * Keeps what is being read at the same place on the screen, to the pixel, whatever changes
 * above it (scroll anchoring).
 *
 * Done by hand in every browser: some have no scroll anchoring, and none keeps fractions
 * of a pixel. Scrolling by hand ends the browser's own correction of the same change; it
 * still corrects changes of other parts of the page, such as an advertisement above.
 *
 * Above what is read, one article changes per frame: if two did, Chromium would count
 * those between them as shifted, though nobody saw them.
 * @module
 */

/**
 * Change the list and keep what is being read where it is.
 * @param {HTMLElement} root
 * @param {HTMLElement} list
 * @param {boolean} atTop New posts are to be seen there: the browser must not anchor to
 *   the post that was first.
 * @param {(defers?: (article: Element) => boolean) => void} change Leaves articles that
 *   `defers` names as they are.
 * @returns {boolean} Whether an article was left for the next frame.
 */
export function keepPlace(root, list, atTop, change) {
  if (atTop) {
    root.classList.add("sp-at-top");
    change();
    requestAnimationFrame(() => requestAnimationFrame(() => root.classList.remove("sp-at-top")));
    return false;
  }
  let above = 0;
  const boxes = new Map();
  // At the very top of a page nothing is above.
  for (const article of scrollY ? list.children : []) {
    const box = article.getBoundingClientRect();
    if (box.top < innerHeight) boxes.set(article, box);
  }
  change((article) => boxes.get(article)?.bottom <= 0 && above++ > 0);
  /** @type {Element | undefined} The first article that begins in view, else that is in view. */
  let anchor;
  let before = -1;
  for (const [article, { top, bottom }] of boxes) {
    if (before < 0 && bottom > 0 && article.isConnected) [anchor, before] = [article, top];
  }
  if (anchor) {
    const shift = () => /** @type {Element} */ (anchor).getBoundingClientRect().top - before;
    // A page scrolls by whole pixels; padding above the list makes up the fraction.
    const padding = parseFloat(list.style.paddingTop) || 0;
    scrollBy({ top: Math.ceil(shift() - padding), behavior: /** @type {any} */ ("instant") });
    const fraction = padding - shift();
    if (fraction >= 0 && fraction < 1) list.style.paddingTop = `${fraction}px`;
  }
  return above > 1;
}
