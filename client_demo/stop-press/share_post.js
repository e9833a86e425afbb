/**
 * Sharing a post: by what the reader's machine has for it, else by a short list.
 * @module
 */

import { clicked } from "./plain_click.js";
import { h } from "./render_post.js";

/**
 * A click on a post's link "Share": the machine's own dialog, else in the link's place
 * a button that copies the address, and the places that the feed or its publisher named.
 * @param {Event} event
 * @param {import("./render_post.js").Context} ctx
 * @param {HTMLElement} says Where it is told that the address was copied.
 */
export function share(event, { words, feed }, says) {
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
  const names = feed.share?.length ? feed.share : words.shared;
  const places = names.map((/** @type {string} */ name) => {
    const place = words.targets.find((/** @type {string[]} */ [known]) => known === name);
    const href = place?.[2].replace("{url}", encodeURIComponent(url));
    return place && h("a", { href, rel: "noopener" }, place[1]);
  });
  link.replaceWith(h("span", "sp-share", copy, places));
  copy.focus();
}
