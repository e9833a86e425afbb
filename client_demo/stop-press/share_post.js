/**
 * Sharing a post: by the device's own dialog, else by a short list.
 * @module
 */

import { unused } from "./patch_post.js";
import { plainClickOn } from "./plain_click.js";
import { h } from "./render_post.js";

/**
 * A click on a post's link "Share" opens the device's own dialog. Without one, or where it
 * is refused, a button that copies the address takes the link's place, with links to the
 * services that the feed or its publisher named.
 * @param {Event} event
 * @param {import("./render_post.js").Context} ctx
 * @param {HTMLElement} announcer The live region, which says that the address was copied.
 */
export async function sharePost(event, ctx, announcer) {
  const link = plainClickOn(event, "a.sp-share");
  if (!link) return;
  event.preventDefault();
  try {
    await navigator.share({ url: link.href });
  } catch (/** @type {any} */ { name }) {
    // The reader closed the dialog: no failure.
    if (name !== "AbortError") showList(link, ctx, announcer);
  }
}

/**
 * @param {any} link
 * @param {import("./render_post.js").Context} ctx
 * @param {HTMLElement} announcer
 */
function showList(link, { words, feed }, announcer) {
  const url = link.href;
  const copy = h("button", { type: "button" }, words.copy);
  copy.onclick = async () => {
    try {
      await navigator.clipboard.writeText(url);
      copy.textContent = announcer.textContent = words.copied;
    } catch {
      // A frame may not: the address is there to be copied by hand.
      const field = /** @type {HTMLInputElement} */ (h("input", { readonly: "", value: url, "aria-label": words.copy }));
      copy.replaceWith(field);
      field.focus();
      field.select();
    }
  };
  const names = feed.share?.length ? feed.share : words.shared;
  const links = names.map((/** @type {string} */ name) => {
    const [label, href] = words.targets[name] ?? [];
    return label && h("a", { href: href.replace("{url}", encodeURIComponent(url)), rel: "noopener" }, label);
  });
  const menu = h("span.sp-share", copy, links);
  unused.set(menu, link);
  link.replaceWith(menu);
  copy.focus();
}
