/**
 * Loads older posts before the reader reaches the end of the list.
 *
 * It presses the list's own link, which keeps the place and leads to a page of its own.
 * Not without end, so that what is below the list can be reached: after some pages the
 * link waits to be pressed. Not at all for a reader who prefers the link, or saves data.
 * @module
 */

/** So far from the screen's lower edge the next page is asked for, in pixels. */
const AHEAD_PX = 1200;
/** Pages that load by themselves before the link has to be pressed again. */
const PAGES_UNASKED = 5;
const PAGE_TIMEOUT_MS = 15_000;
const SCROLL_SETTING = "stoppress:on-scroll";

/**
 * @param {HTMLElement} root The `.sp` element.
 * @returns {() => void} Ends it.
 */
export function loadOlderOnScroll(root) {
  const list = /** @type {HTMLElement} */ (root.querySelector(".sp-posts"));
  const more = /** @type {HTMLElement} */ (root.querySelector(".sp-more"));
  const setting = /** @type {HTMLElement | null} */ (root.querySelector(".sp-scroll"));
  const box = setting?.querySelector("input");
  if (!setting || !box) return () => {};
  let pages = 0;
  /** @type {any} Set while a page is under way. */
  let timer = 0;

  const finish = () => {
    clearTimeout(timer);
    timer = 0;
    delete more.dataset.auto;
  };
  const load = () => {
    if (timer || more.hidden || !box.checked || pages >= PAGES_UNASKED || !navigator.onLine) return;
    pages += 1;
    more.dataset.auto = "1";
    timer = setTimeout(() => {
      finish();
      // The server does not answer: from now on the reader asks.
      pages = PAGES_UNASKED;
    }, PAGE_TIMEOUT_MS);
    more.querySelector("a")?.click();
  };
  const near = new IntersectionObserver(([entry]) => entry.isIntersecting && load(), { rootMargin: `0px 0px ${AHEAD_PX}px` });
  let last = list.lastElementChild;
  const grown = new MutationObserver(() => {
    if (list.lastElementChild === last) return;
    last = list.lastElementChild;
    setting.hidden = more.hidden;
    finish();
    // It says again whether the end is near.
    near.unobserve(more);
    near.observe(more);
  });
  /** @param {Event} event */
  const asked = (event) => {
    if (!event.isTrusted) return;
    finish();
    pages = 0;
  };
  box.checked = readSetting();
  box.onchange = () => {
    writeSetting(box.checked);
    pages = 0;
    load();
  };
  setting.hidden = more.hidden;
  more.addEventListener("click", asked, true);
  grown.observe(list, { childList: true });
  near.observe(more);
  return () => {
    finish();
    near.disconnect();
    grown.disconnect();
    more.removeEventListener("click", asked, true);
  };
}

function readSetting() {
  const { connection } = /** @type {any} */ (navigator);
  try {
    const kept = localStorage.getItem(SCROLL_SETTING);
    return kept ? kept === "yes" : !connection?.saveData;
  } catch {
    return !connection?.saveData;
  }
}

/** @param {boolean} loads */
function writeSetting(loads) {
  try {
    localStorage.setItem(SCROLL_SETTING, loads ? "yes" : "no");
  } catch {
    // For this page, then.
  }
}
