/**
 * Keys that go from post to post, as the feed pattern has it.
 * @module
 */

/**
 * Page up and down: the next post; with Ctrl, Home and End: what stands around the list.
 * @param {KeyboardEvent} event
 * @param {HTMLElement} below
 * @param {HTMLElement} above
 */
export function walk(event, below, above) {
  const here = /** @type {HTMLElement} */ (event.target).closest("article");
  const { key, ctrlKey } = event;
  /** @type {any} */
  let to = null;
  if (key === "PageDown") to = here?.nextElementSibling;
  else if (key === "PageUp") to = here?.previousElementSibling;
  else if (ctrlKey && key === "End") to = below.firstElementChild;
  else if (ctrlKey && key === "Home") to = above;
  if (!to) return;
  event.preventDefault();
  to.focus();
}
