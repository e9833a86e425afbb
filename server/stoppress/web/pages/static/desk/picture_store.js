/**
 * Pictures that wait for their upload, kept in the browser.
 *
 * Rules:
 * - A draft names a waiting picture by an address that no server has: `upload:` and its id,
 *   which is the idempotency key of the upload as well. So nothing is uploaded twice, and
 *   a post can't go out with a picture that did not.
 * - IndexedDB keeps the file; where the browser refuses, it lasts as long as the page.
 * @module
 */

import { PICTURES, act } from "./browser_database.js";

/** @typedef {{id: string, blob: Blob, name: string}} WaitingPicture */

const WAITING = "upload:";

/**
 * The id in the address of a waiting picture; "" of any other address.
 * @param {string | undefined} url
 */
export const waitingId = (url) => (url?.startsWith(WAITING) ? url.slice(WAITING.length) : "");

/** @param {string} id */
export const waitingUrl = (id) => WAITING + id;

/** @type {Map<string, WaitingPicture>} */
const inMemory = new Map();

/** @param {WaitingPicture} picture */
export async function keepPicture(picture) {
  inMemory.set(picture.id, picture);
  await act(PICTURES, "readwrite", (store) => store.put(picture)).catch(() => {});
}

/**
 * @param {string} id
 * @returns {Promise<WaitingPicture | undefined>}
 */
export async function keptPicture(id) {
  return inMemory.get(id) ?? (await act(PICTURES, "readonly", (store) => store.get(id)).catch(() => undefined));
}

/** @param {string} id */
export async function forgetPicture(id) {
  inMemory.delete(id);
  await act(PICTURES, "readwrite", (store) => store.delete(id)).catch(() => {});
}

/**
 * Forget all pictures but those with which other media wait.
 * @param {{url?: string}[]} media
 */
export async function forgetPicturesExcept(media) {
  const needed = new Set(media.map(({ url }) => waitingId(url)));
  const ids = await act(PICTURES, "readonly", (store) => store.getAllKeys()).catch(() => [...inMemory.keys()]);
  for (const id of ids) if (!needed.has(id)) await forgetPicture(id);
}
