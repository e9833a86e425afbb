/**
 * Sharing a post: by what the reader's machine has for it, else by a short list.
 * @module
 */

import { clicked } from "./click.js";
import { h } from "./render.js";

/**
 * A click on a post's link "Share": the machine's own dialog, else in the link's place
 * a button that copies the address, and the places that the publisher named.
 * @param {Event} event
 * @param {import("./words.js").Words} words
 * @param {HTMLElement} says Where it is told that the address was copied.
 */
export function share(event, words, says) {
  const link = clicked(event, "a.sp-share");
  if (!link) return;
  event.preventDefault();
  const url = link.href;
  // Closing that dialog is no failure.
  if (navigator.share) {
    navigator.share({ url }).catch(() => {});
    return;
  }
  const copy = h("button", { type: "button" }, words.copy);
  copy.onclick = async () => {
    await navigator.clipboard.writeText(url);
    copy.textContent = says.textContent = words.copied;
  };
  const places = words.targets.map((/** @type {[string, string]} */ [name, to]) =>
    h("a", { href: to.replace("{url}", encodeURIComponent(url)), rel: "noopener" }, name),
  );
  link.replaceWith(h("span", "sp-share", copy, places));
  copy.focus();
}
