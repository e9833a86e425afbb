/**
 * Keyboard navigation from post to post, as the ARIA feed pattern has it.
 * @module
 */

/**
 * Page Down and Page Up: the next and previous post. Ctrl+End and Ctrl+Home: what follows
 * and precedes the list.
 * @param {KeyboardEvent} event
 * @param {HTMLElement} after
 * @param {HTMLElement} before
 */
export function moveByKeyboard(event, after, before) {
  const article = /** @type {HTMLElement} */ (event.target).closest("article");
  /** @type {{[key: string]: any}} */
  const targets = { PageDown: article?.nextElementSibling, PageUp: article?.previousElementSibling };
  if (event.ctrlKey) Object.assign(targets, { End: after.firstElementChild, Home: before });
  const target = targets[event.key];
  if (!target) return;
  event.preventDefault();
  target.focus();
}
