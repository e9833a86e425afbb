/**
 * Loads an embed on request.
 * @module
 */

import { unused } from "./patch_post.js";
import { plainClickOn } from "./plain_click.js";
import { h } from "./render_post.js";

/**
 * A click on an embed's link loads it: nothing of a third party loads unasked.
 * @param {MouseEvent} event
 */
export function loadEmbed(event) {
  const link = plainClickOn(event, ".sp-embed > a");
  if (!link) return;
  const figure = link.parentElement;
  const [width = 640, height = 360] = figure.dataset.size?.split(" ") ?? [];
  const foreign = new URL(link.href).origin !== location.origin;
  const sandbox = `allow-scripts allow-popups allow-presentation${foreign ? " allow-same-origin" : ""}`;
  event.preventDefault();
  unused.set(figure, figure.cloneNode(true));
  const attributes = { src: link.href, width, height, sandbox, allow: "fullscreen", title: link.textContent };
  const frame = h("iframe", attributes);
  link.replaceWith(frame);
  frame.focus();
}
