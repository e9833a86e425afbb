/**
 * Sharing a post: by the device's own dialog, else by a short list.
 * @module
 */

import { plainClickOn } from "./plain_click.js";
import { h } from "./render_post.js";

/**
 * A click on a post's link "Share" opens the device's own dialog. Without one, a button
 * that copies the address takes the link's place, with links to the services that the
 * feed or its publisher named.
 * @param {Event} event
 * @param {import("./render_post.js").Context} ctx
 * @param {HTMLElement} announcer The live region, which says that the address was copied.
 */
export function sharePost(event, { words, feed }, announcer) {
  const link = plainClickOn(event, "a.sp-share");
  if (!link) return;
  event.preventDefault();
  const url = link.href;
  // It rejects when the reader closes the dialog: no failure.
  if (navigator.share) {
    navigator.share({ url }).catch(() => {});
    return;
  }
  const copy = h("button", { type: "button" }, words.copy);
  copy.onclick = async () => {
    await navigator.clipboard.writeText(url);
    copy.textContent = announcer.textContent = words.copied;
  };
  const names = feed.share?.length ? feed.share : words.shared;
  const links = names.map((/** @type {string} */ name) => {
    const service = words.targets.find((/** @type {string[]} */ [known]) => known === name);
    const href = service?.[2].replace("{url}", encodeURIComponent(url));
    return service && h("a", { href, rel: "noopener" }, service[1]);
  });
  link.replaceWith(h("span", "sp-share", copy, links));
  copy.focus();
}
