/**
 * Keeps what is being read at the same place on the screen, to the pixel, whatever changes
 * above it (scroll anchoring).
 *
 * Done by hand in every browser: some have no scroll anchoring, and none keeps fractions
 * of a pixel. Scrolling by hand ends the browser's own correction of the same change; it
 * still corrects changes of other parts of the page, such as an advertisement above.
 *
 * What is seen is asked of the browser: the window, what scrolls inside it, and, within a
 * frame, the observer that knows what the frame's own window can't. A frame as tall as its
 * content does not scroll: there, room above the list takes up what changes out of view, and
 * is gone once the beginning of the list is in view again.
 *
 * Above what is read, one article changes per frame: if two did, Chromium would count
 * those between them as shifted, though nobody saw them.
 * @module
 */

/** Whether the page is in a frame, whose window may be larger than what is seen of it. */
export const isFramed = globalThis.parent !== globalThis.window;

/**
 * What scrolls the list, inner before outer, and the part of the window in which it can be
 * seen: below a header that stays at the top, if the host has told its height.
 * @typedef {{scrollers: (Element | Window)[], top: number, bottom: number,
 *   room: number}} VisibleArea `room`: what is left above the list (see above).
 * @param {HTMLElement} list
 * @param {unknown} [isFitted] Whether the page is in a frame that its host makes as tall as
 *   the page: until it does, the frame's own window would scroll.
 * @returns {VisibleArea}
 */
export function visibleArea(list, isFitted) {
  /** @type {(Element | Window)[]} */
  const scrollers = [];
  let top = 0;
  let bottom = innerHeight;
  /** @type {any} */
  let around = list;
  while ((around = around.assignedSlot ?? around.parentElement ?? around.getRootNode().host)) {
    const { scrollHeight, clientHeight } = around;
    if (scrollHeight > clientHeight && /auto|scroll/.test(getComputedStyle(around).overflowY)) {
      const box = around.getBoundingClientRect();
      top = Math.max(top, box.top);
      bottom = Math.min(bottom, box.bottom);
      scrollers.push(around);
    }
  }
  if (!isFitted) scrollers.push(window);
  const { scrollMarginTop, marginTop } = getComputedStyle(list);
  return { scrollers, top: top + parseFloat(scrollMarginTop), bottom, room: parseFloat(marginTop) };
}

/**
 * Change the list and keep what is being read where it is.
 * @param {HTMLElement} root
 * @param {HTMLElement} list
 * @param {VisibleArea} area
 * @param {Set<Element> | undefined} inView Articles in view, in a frame.
 * @param {boolean} atTop New posts are to be seen there: the browser must not anchor to
 *   the post that was first.
 * @param {boolean} begins Whether the beginning of the list is in view.
 * @param {(defers?: (article: Element) => boolean) => void} change Leaves articles that
 *   `defers` names as they are.
 * @returns {boolean} Whether an article was left for the next frame.
 */
export function keepPlace(root, list, { scrollers, top, bottom, room }, inView, atTop, begins, change) {
  const leave = (/** @type {number} */ px) => (list.style.marginTop = `${(room = px)}px`);
  if (begins && room ** 2 >= 1) leave(0);
  if (atTop) {
    root.classList.add("sp-at-top");
    change();
    requestAnimationFrame(() => requestAnimationFrame(() => root.classList.remove("sp-at-top")));
    return false;
  }
  let above = 0;
  const boxes = new Map();
  // At the very top of a page nothing is above.
  for (const article of isFramed || scrollY || scrollers.some((one) => /** @type {any} */ (one).scrollTop) ? list.children : []) {
    const box = article.getBoundingClientRect();
    if (box.top < bottom) boxes.set(article, box);
  }
  const seen = new Set(isFramed && inView ? inView : boxes.keys());
  change((article) => boxes.get(article)?.bottom <= top && above++ > 0);
  /** @type {Element | undefined} The first article that begins in view, else that is in view. */
  let anchor;
  let before = -1e9;
  for (const [article, box] of boxes) {
    if (before < top && box.bottom > top && seen.has(article) && article.isConnected) {
      [anchor, before] = [article, box.top];
    }
  }
  if (anchor) {
    const shift = () => /** @type {Element} */ (anchor).getBoundingClientRect().top - before - room;
    // A page scrolls by whole pixels; room above the list makes up the fraction.
    for (const one of scrollers) one.scrollBy({ top: Math.ceil(shift()), behavior: /** @type {any} */ ("instant") });
    const rest = -shift();
    if (!begins || (rest >= 0 && rest < 1)) leave(rest);
  }
  return above > 1;
}
