/**
 * Buttons at the foot of the screen: how many posts have arrived while the list begins
 * below it, and back to the newest post once one has scrolled far down.
 *
 * New posts above what is read are the widget's: its own button counts them.
 * @module
 */

/** The list begins below the screen if less of it than this is visible, in pixels. */
const LIST_GLIMPSE_PX = 80;
/** The way back is offered after so many screens. */
const FAR_SCREENS = 1.5;

/**
 * @param {HTMLElement} root The `.sp` element.
 * @param {import("./page_extras_beside_widget.js").Widget} widget
 * @returns {() => void} Removes them.
 */
export function createJumpButtons(root, { ctx, countText }) {
  const page = /** @type {HTMLElement} */ (root.closest("stop-press"));
  const list = /** @type {HTMLElement} */ (root.querySelector(".sp-posts"));
  const waiting = /** @type {HTMLElement} */ (root.querySelector(".sp-new"));
  const form = /** @type {any} */ (root.querySelector(".sp-goto"));
  const { home, from = "" } = page.dataset;
  const bar = document.createElement("div");
  bar.className = "jumps";
  bar.lang = root.lang;
  bar.dir = root.dir;
  const create = (/** @type {string} */ name, /** @type {() => void} */ act) => {
    const button = document.createElement("button");
    button.type = "button";
    button.className = name;
    button.hidden = true;
    button.onclick = act;
    bar.append(button);
    return button;
  };
  const toFirst = () => {
    root.querySelector(".sp-bar")?.scrollIntoView();
    /** @type {HTMLElement | null} */ (list.firstElementChild)?.focus({ preventScroll: true });
  };
  const arrived = create("jump-down", toFirst);
  const newest = create("jump-up", () => {
    if (home) location.assign(home);
    else if (waiting.hidden) toFirst();
    else waiting.click();
  });
  const moment = create("jump-moment", () => {
    if (!form) return;
    form.popover = "auto";
    form.ontoggle = (/** @type {any} */ { newState }) => {
      if (newState === "closed") form.popover = null;
    };
    form.showPopover();
    form.querySelector("input")?.focus();
  });
  newest.textContent = ctx.words.newest;
  moment.textContent = ctx.words.goTo;
  let arrivals = 0;
  let isDue = false;

  const draw = () => {
    isDue = false;
    const { top } = list.getBoundingClientRect();
    if (top < innerHeight - LIST_GLIMPSE_PX) arrivals = 0;
    arrived.hidden = !arrivals;
    if (arrivals) arrived.textContent = countText(ctx.words, "new", arrivals);
    // In rising order the newest are below.
    const isFar = top < -FAR_SCREENS * innerHeight && !from.includes("order=oldest");
    newest.hidden = !isFar || !waiting.hidden;
    moment.hidden = !isFar || !form?.showPopover;
  };
  const drawSoon = () => {
    if (!isDue) requestAnimationFrame(draw);
    isDue = true;
  };
  const count = (/** @type {any} */ { detail }) => {
    if (detail.type === "post.published" && list.getBoundingClientRect().top >= innerHeight - LIST_GLIMPSE_PX) arrivals += 1;
    drawSoon();
  };
  document.body.append(bar);
  addEventListener("scroll", drawSoon, { passive: true });
  addEventListener("resize", drawSoon);
  page.addEventListener("stoppress:post", count);
  drawSoon();
  return () => {
    bar.remove();
    removeEventListener("scroll", drawSoon);
    removeEventListener("resize", drawSoon);
    page.removeEventListener("stoppress:post", count);
  };
}
