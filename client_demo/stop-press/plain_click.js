/**
 * A plain click on something, which is ours; others, such as for a new tab, are the
 * browser's.
 * @module
 */

/**
 * @param {Event} event
 * @param {string} selector
 * @returns {any} What was clicked; null if it is none of that, or not ours.
 */
export function clicked(event, selector) {
  const { target, ctrlKey, metaKey, shiftKey } = /** @type {any} */ (event);
  return ctrlKey || metaKey || shiftKey ? null : target.closest?.(selector);
}
