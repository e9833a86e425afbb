/**
 * Makes an element inside another.
 * @module
 */

/**
 * @param {Element} parent
 * @param {string} tag
 * @param {string} className
 * @param {string} [text]
 * @returns {HTMLElement}
 */
export function appendElement(parent, tag, className, text = "") {
  const child = document.createElement(tag);
  if (className) child.className = className;
  child.textContent = text;
  parent.append(child);
  return child;
}

/**
 * A button that is no submit button.
 * @param {Element} parent
 * @param {string} text
 * @param {() => void} act
 * @returns {HTMLButtonElement}
 */
export function appendButton(parent, text, act) {
  const button = /** @type {HTMLButtonElement} */ (appendElement(parent, "button", "", text));
  button.type = "button";
  button.addEventListener("click", act);
  return button;
}
