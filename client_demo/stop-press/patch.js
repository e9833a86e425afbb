/**
 * Changes an article in place, part by part, and what happens inside of one.
 *
 * A part that is equal is never touched, so that what plays goes on playing. Content
 * that was asked for counts as what it stands in for.
 * @module
 */

import { clicked } from "./click.js";
import { h } from "./render.js";

/** @type {WeakMap<Element, Element>} What was replaced by content that was asked for. */
const asked = new WeakMap();

/**
 * Third-party content comes when it is asked for, not before.
 * @param {MouseEvent} event
 */
export function load(event) {
  const link = clicked(event, ".sp-embed > a");
  if (!link) return;
  const figure = link.parentElement;
  const [width, height] = figure.dataset.size?.split(" ") ?? [640, 360];
  const foreign = new URL(link.href).origin !== location.origin;
  const sandbox = `allow-scripts allow-popups allow-presentation${foreign ? " allow-same-origin" : ""}`;
  event.preventDefault();
  asked.set(figure, figure.cloneNode(true));
  const attributes = { src: link.href, width, height, sandbox, allow: "fullscreen", title: link.textContent };
  const frame = h("iframe", attributes);
  link.replaceWith(frame);
  frame.focus();
}

/** Marks of the list, which are no part of the post. */
const LIST_MARKS = ".sp-day, .sp-since";

/**
 * Make `old` like `fresh`, leaving equal parts untouched.
 * @param {Element} old
 * @param {Element} fresh
 */
export function patch(old, fresh) {
  for (const name of ["class", "data-at", "data-rev", "lang", "dir", "aria-labelledby"]) {
    set(old, name, fresh.getAttribute(name));
  }
  const marks = [...old.children].filter((part) => part.matches(LIST_MARKS));
  const left = [...old.children].filter((part) => !marks.includes(part));
  const parts = [...fresh.children].map((part) => {
    const same = left.findIndex((one) => (asked.get(one) ?? one).isEqualNode(part));
    if (same >= 0) return left.splice(same, 1)[0];
    if (part.className !== "sp-what") return part;
    const what = left.findIndex((one) => one.className === "sp-what");
    if (what < 0) return part;
    const kept = left.splice(what, 1)[0];
    patch(kept, part);
    return kept;
  });
  for (const part of left) part.remove();
  let here = old.firstElementChild;
  for (const part of [...marks, ...parts]) {
    if (part === here) here = here.nextElementSibling;
    else old.insertBefore(part, here);
  }
}

/**
 * @param {Element} element
 * @param {string} name
 * @param {string | null} value
 */
function set(element, name, value) {
  if (value === null) element.removeAttribute(name);
  else if (element.getAttribute(name) !== value) element.setAttribute(name, value);
}
