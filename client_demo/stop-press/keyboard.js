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
  /** @type {{[key: string]: any}} */
  const ways = { PageDown: here?.nextElementSibling, PageUp: here?.previousElementSibling };
  if (event.ctrlKey) Object.assign(ways, { End: below.firstElementChild, Home: above });
  const to = ways[event.key];
  if (!to) return;
  event.preventDefault();
  to.focus();
}
