/**
 * Updates an article in place, part by part, and loads embeds on request.
 *
 * Equal parts are never touched, so that a playing video goes on playing. An embed that
 * was loaded counts as the link that it replaced.
 * @module
 */

import { plainClickOn } from "./plain_click.js";
import { h } from "./render_post.js";

/** @type {WeakMap<Element, Element>} The figure as it was, for each with a loaded embed. */
const unloadedFigures = new WeakMap();

/**
 * A click on an embed's link loads it: nothing of a third party loads unasked.
 * @param {MouseEvent} event
 */
export function loadEmbed(event) {
  const link = plainClickOn(event, ".sp-embed > a");
  if (!link) return;
  const figure = link.parentElement;
  const [width, height] = figure.dataset.size?.split(" ") ?? [640, 360];
  const foreign = new URL(link.href).origin !== location.origin;
  const sandbox = `allow-scripts allow-popups allow-presentation${foreign ? " allow-same-origin" : ""}`;
  event.preventDefault();
  unloadedFigures.set(figure, figure.cloneNode(true));
  const attributes = { src: link.href, width, height, sandbox, allow: "fullscreen", title: link.textContent };
  const frame = h("iframe", attributes);
  link.replaceWith(frame);
  frame.focus();
}

/** Headings that the list puts first in an article, and that are no part of the post. */
const LIST_HEADINGS = ".sp-day, .sp-since";

/**
 * Make `old` like `fresh`, leaving equal parts untouched.
 * @param {Element} old
 * @param {Element} fresh
 */
export function patchElement(old, fresh) {
  for (const name of ["class", "data-at", "data-rev", "lang", "dir", "aria-labelledby"]) {
    const value = fresh.getAttribute(name);
    if (value === null) old.removeAttribute(name);
    else old.setAttribute(name, value);
  }
  const left = [...old.children].filter((part) => !part.matches(LIST_HEADINGS));
  const headings = old.children.length - left.length;
  const take = (/** @type {(part: Element) => boolean} */ fits) => {
    const index = left.findIndex(fits);
    return index < 0 ? null : left.splice(index, 1)[0];
  };
  const parts = [...fresh.children].map((part) => {
    const same = take((one) => (unloadedFigures.get(one) ?? one).isEqualNode(part));
    if (same) return same;
    const content = part.className === "sp-what" && take((one) => one.className === "sp-what");
    if (!content) return part;
    patchElement(content, part);
    return content;
  });
  for (const part of left) part.remove();
  parts.forEach((part, index) => {
    const here = old.children[headings + index];
    if (part !== here) old.insertBefore(part, here ?? null);
  });
}
