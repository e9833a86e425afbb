/**
 * Sharing a post: by what the reader's machine has for it, else its address is copied.
 * @module
 */

import { clicked } from "./click.js";

/**
 * A click on a post's link "Share". Where nothing can be done it is followed.
 * @param {MouseEvent} event
 * @param {(link: HTMLElement) => void} copied
 */
export async function share(event, copied) {
  const link = clicked(event, "a.sp-share");
  if (!link) return;
  const url = link.href;
  const own = navigator.share?.bind(navigator);
  if (!own && !navigator.clipboard) return;
  event.preventDefault();
  try {
    if (own) await own({ url });
    else {
      await navigator.clipboard.writeText(url);
      copied(link);
    }
  } catch (/** @type {any} */ error) {
    // Closing the machine's own dialog is no failure.
    if (error.name !== "AbortError") location.assign(url);
  }
}
