/**
 * Changes an article in place, part by part, and what happens inside of one.
 *
 * A part that is equal is never touched, so that what plays goes on playing. Content
 * that was asked for counts as what it stands in for.
 * @module
 */

import { clicked } from "./plain_click.js";
import { h } from "./render_post.js";

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

/** Marks of the list, which are no part of the post, and stand first. */
const LIST_MARKS = ".sp-day, .sp-since";

/**
 * Make `old` like `fresh`, leaving equal parts untouched.
 * @param {Element} old
 * @param {Element} fresh
 */
export function patch(old, fresh) {
  for (const name of ["class", "data-at", "data-rev", "lang", "dir", "aria-labelledby"]) {
    const value = fresh.getAttribute(name);
    if (value === null) old.removeAttribute(name);
    else old.setAttribute(name, value);
  }
  const left = [...old.children].filter((part) => !part.matches(LIST_MARKS));
  const marks = old.children.length - left.length;
  const take = (/** @type {(part: Element) => boolean} */ fits) => {
    const at = left.findIndex(fits);
    return at < 0 ? null : left.splice(at, 1)[0];
  };
  const parts = [...fresh.children].map((part) => {
    const same = take((one) => (asked.get(one) ?? one).isEqualNode(part));
    if (same) return same;
    const what = part.className === "sp-what" && take((one) => one.className === "sp-what");
    if (!what) return part;
    patch(what, part);
    return what;
  });
  for (const part of left) part.remove();
  parts.forEach((part, index) => {
    const here = old.children[marks + index];
    if (part !== here) old.insertBefore(part, here ?? null);
  });
}
