/**
 * What is being read stays where it is, to the pixel, whatever changes above it.
 *
 * By hand in every browser: some have no anchoring, and none keeps fractions of a
 * pixel. Scrolling by hand ends the browser's own correction of the same change; what
 * it does for others on the page, such as an advertisement above, it goes on doing.
 *
 * Above, one article changes a frame: where two do, Chromium counts those between them
 * as shifted, though nobody saw them.
 * @module
 */

/**
 * Change what is drawn and leave what is being read where it is.
 * @param {HTMLElement} root
 * @param {HTMLElement} list
 * @param {boolean} atTop There news is to be seen: no anchoring on what was first.
 * @param {(waits?: (article: Element) => boolean) => void} change Leaves alone what waits.
 * @returns {boolean} Whether something waits for the next frame.
 */
export function keepPlace(root, list, atTop, change) {
  if (atTop) {
    root.classList.add("sp-at-top");
    change();
    requestAnimationFrame(() => requestAnimationFrame(() => root.classList.remove("sp-at-top")));
    return false;
  }
  let above = 0;
  const seen = new Map();
  // At the very top of a page nothing is above.
  for (const one of scrollY ? list.children : []) {
    const box = one.getBoundingClientRect();
    if (box.top < innerHeight) seen.set(one, box);
  }
  change((article) => seen.get(article)?.bottom <= 0 && above++ > 0);
  /** @type {Element | undefined} The first that begins in view, or else is in view. */
  let eye;
  let before = -1;
  for (const [one, { top, bottom }] of seen) {
    if (before < 0 && bottom > 0 && one.isConnected) [eye, before] = [one, top];
  }
  if (eye) {
    const off = () => /** @type {Element} */ (eye).getBoundingClientRect().top - before;
    // A page scrolls by whole pixels; the rest of one is room above the list.
    const room = parseFloat(list.style.paddingTop) || 0;
    scrollBy({ top: Math.ceil(off() - room), behavior: /** @type {any} */ ("instant") });
    const rest = room - off();
    if (rest >= 0 && rest < 1) list.style.paddingTop = `${rest}px`;
  }
  return above > 1;
}
