/**
 * What the page tells of other live feeds, asked for anew now and then.
 * @module
 */

import { fragment } from "./render.js";

/**
 * Bring the box up to date; if that can't be now, it stays as it is.
 * @param {HTMLElement | null} box
 * @param {import("./client.js").Reader} reader
 */
export async function renewOthers(box, reader) {
  try {
    box?.replaceWith(fragment((await reader.get(box.dataset.src ?? "")).html, ""));
  } catch {
    // The next time, then.
  }
}
