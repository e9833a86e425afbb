/**
 * Plain clicks, which the widget handles; clicks with a modifier, such as for a new tab,
 * are the browser's.
 * @module
 */

/**
 * @param {Event} event
 * @param {string} selector
 * @returns {any} The clicked element; null if none matches, or with a modifier.
 */
export function plainClickOn(event, selector) {
  const { target, ctrlKey, metaKey, shiftKey } = /** @type {any} */ (event);
  return ctrlKey || metaKey || shiftKey ? null : target.closest?.(selector);
}
