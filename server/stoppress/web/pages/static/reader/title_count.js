/**
 * The number of posts that wait above what is read, before the page's title: "(3) …".
 * @module
 */

/** Follow the widget's button, which says the number. */
export function countInTitle() {
  const button = /** @type {HTMLElement | null} */ (document.querySelector(".sp-new"));
  if (!button) return;
  let counted = "";
  new MutationObserver(() => {
    const { count = "0" } = button.dataset;
    const text = count === "0" ? "" : `(${count}) `;
    // The title itself may change: only what was put before it is replaced.
    if (text !== counted) document.title = text + document.title.slice(counted.length);
    counted = text;
  }).observe(button, { attributeFilter: ["data-count"] });
}
