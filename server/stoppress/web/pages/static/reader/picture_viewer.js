/**
 * Shows the pictures of a post one by one, as large as the screen allows.
 *
 * A click on a picture, which is a link to its file, opens a dialog: arrow keys, buttons or
 * a swipe turn to the next, Escape or a click beside the picture closes it. The focus goes
 * back to the picture by itself. A picture that the page no longer has is not shown on.
 * @module
 */

/** A finger that moves less has not swiped, in pixels. */
const SWIPE_PX = 40;

/** @type {HTMLDialogElement | null} */
let viewer = null;
/** @type {HTMLAnchorElement[]} */
let shown = [];
let index = 0;

/** Open it for clicks on pictures of posts; those with a modifier are the browser's. */
export function openPicturesOnClick() {
  document.addEventListener("click", (event) => {
    const { target, ctrlKey, metaKey, shiftKey, button } = event;
    const link = /** @type {HTMLAnchorElement | null} */ (/** @type {Element} */ (target).closest?.(".sp-zoom"));
    if (!link || ctrlKey || metaKey || shiftKey || button) return;
    viewer ??= createViewer();
    if (!viewer?.showModal) return;
    event.preventDefault();
    shown = [...(link.closest(".sp-post")?.querySelectorAll(".sp-zoom") ?? [link])].map((one) => /** @type {any} */ (one));
    show(shown.indexOf(link));
    viewer.showModal();
  });
}

/** @returns {HTMLDialogElement | null} */
function createViewer() {
  const root = /** @type {HTMLElement | null} */ (document.querySelector(".sp"));
  const table = document.querySelector(".sp-words")?.textContent;
  if (!root || !table) return null;
  const words = JSON.parse(table);
  const dialog = document.createElement("dialog");
  dialog.className = "viewer";
  dialog.lang = root.lang;
  dialog.dir = root.dir;
  dialog.setAttribute("aria-label", words.picture);
  const figure = document.createElement("figure");
  const image = document.createElement("img");
  const note = document.createElement("figcaption");
  note.setAttribute("aria-live", "polite");
  figure.append(image, note);
  const buttons = document.createElement("p");
  for (const [name, act] of /** @type {[string, () => void][]} */ ([
    ["close", () => dialog.close()],
    ["previous", () => show(index - 1)],
    ["next", () => show(index + 1)],
  ])) {
    const button = document.createElement("button");
    button.type = "button";
    button.className = `viewer-${name}`;
    button.setAttribute("aria-label", words[name]);
    button.onclick = act;
    buttons.append(button);
  }
  dialog.append(buttons, figure);
  const forward = root.dir === "rtl" ? "ArrowLeft" : "ArrowRight";
  dialog.onkeydown = ({ key }) => {
    if (key === "ArrowLeft" || key === "ArrowRight") show(index + (key === forward ? 1 : -1));
  };
  dialog.onclick = ({ target }) => {
    if (target === dialog || target === figure) dialog.close();
  };
  let startX = 0;
  dialog.ontouchstart = ({ touches }) => {
    // Two fingers enlarge.
    startX = touches.length === 1 ? touches[0].clientX : NaN;
  };
  dialog.ontouchend = ({ changedTouches }) => {
    const by = changedTouches[0].clientX - startX;
    if (Math.abs(by) >= SWIPE_PX) show(index + (by < 0 === (root.dir !== "rtl") ? 1 : -1));
  };
  // Only closes what is open.
  const gone = new MutationObserver(() => shown[index]?.isConnected || dialog.close());
  gone.observe(root, { childList: true, subtree: true });
  dialog.onclose = () => {
    image.removeAttribute("src");
    image.alt = note.textContent = "";
  };
  document.body.append(dialog);
  return dialog;
}

/** @param {number} at Beyond either end nothing changes. */
function show(at) {
  const link = shown[at];
  if (!viewer || !link) return;
  index = at;
  const image = /** @type {HTMLImageElement} */ (viewer.querySelector("img"));
  const small = link.querySelector("img");
  image.src = link.href;
  image.alt = small?.alt ?? "";
  for (const name of /** @type {const} */ (["width", "height"])) {
    const pixels = small?.getAttribute(name);
    if (pixels) image.setAttribute(name, pixels);
    else image.removeAttribute(name);
  }
  const caption = link.parentElement?.querySelector("figcaption")?.textContent ?? "";
  const place = shown.length > 1 ? `${at + 1} / ${shown.length}` : "";
  /** @type {HTMLElement} */ (viewer.querySelector("figcaption")).textContent = [place, caption].filter(Boolean).join(" · ");
  const [, previous, next] = viewer.querySelectorAll("button");
  const had = document.activeElement;
  previous.hidden = at === 0;
  next.hidden = at === shown.length - 1;
  // A button that is gone would take the focus with it.
  if (had === previous && previous.hidden) next.focus();
  if (had === next && next.hidden) previous.focus();
}
