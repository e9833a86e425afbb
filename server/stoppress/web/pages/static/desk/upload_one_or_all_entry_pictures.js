/**
 * The upload of one picture, once; and what of an entry was uploaded before it is sent.
 *
 * Rules: the picture's id is the idempotency key, so a repeated upload is the same one.
 * @module
 */

import { keptPicture, waitingId } from "./picture_store.js";
import { ROOT } from "./repeat_request_until_outcome.js";

/**
 * @typedef {import("./outbox_entry.js").Entry} Entry
 * @typedef {import("./repeat_request_until_outcome.js").Answer} Answer
 */

const TIMEOUT_MS = 300_000;

/**
 * Upload a picture. Status 0: no answer came. XMLHttpRequest tells how far it is.
 * @param {string} feed
 * @param {import("./picture_store.js").WaitingPicture} picture
 * @param {string} person
 * @param {(share: number) => void} [onProgress] how much of it is sent, up to 1
 * @returns {Promise<Answer>}
 */
export function uploadOnce(feed, { id, blob }, person, onProgress = () => {}) {
  return new Promise((resolve) => {
    const request = new XMLHttpRequest();
    request.open("POST", `${ROOT}/v1/feeds/${feed}/media`);
    request.timeout = TIMEOUT_MS;
    request.responseType = "json";
    request.setRequestHeader("content-type", "application/octet-stream");
    request.setRequestHeader("idempotency-key", id);
    request.setRequestHeader("stop-press-person", person);
    request.upload.onprogress = ({ loaded, total }) => onProgress(total ? loaded / total : 0);
    request.onload = () => {
      const waitS = Number(request.getResponseHeader("retry-after")) || undefined;
      resolve({ status: request.status, body: request.response, waitS });
    };
    request.onerror = request.ontimeout = request.onabort = () => resolve({ status: 0, body: null });
    request.send(blob);
  });
}

/**
 * What a medium has of an uploaded picture.
 * @param {{url: string, width: number, height: number}} picture as the API shows it
 */
export function uploadedMember({ url, width, height }) {
  const path = new URL(url, location.origin).pathname;
  return { url: path.slice(path.indexOf("/media/")), width, height };
}

/**
 * Upload every waiting picture of an entry: what became of each, by the address under which
 * it waited; and the first one that was not taken, with the answer.
 * @param {Entry} entry
 * @returns {Promise<{uploaded: Map<string | undefined, any>, index?: number, answer?: Answer}>}
 */
export async function uploadPictures({ feed, person, draft }) {
  const uploaded = new Map();
  for (const [index, { url }] of draft.media.entries()) {
    const id = waitingId(url);
    if (!id) continue;
    const picture = await keptPicture(id);
    const lost = { detail: "the picture is not in this browser any more: add it again" };
    const answer = picture ? await uploadOnce(feed, picture, person) : { status: 410, body: lost };
    if (answer.status !== 200 && answer.status !== 201) return { uploaded, index, answer };
    uploaded.set(url, uploadedMember(answer.body));
  }
  return { uploaded };
}
