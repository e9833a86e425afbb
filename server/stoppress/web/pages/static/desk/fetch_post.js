/**
 * A post as it is now, in the form of its editors: with its text.
 * @module
 */

import { newIdempotencyKey, sendOnce } from "./repeat_request_until_outcome.js";

/**
 * The random query makes the address another one: no cache between has what readers get
 * of the post under it.
 * @param {string} feed
 * @param {string} id
 */
export const fetchPost = (feed, id) =>
  sendOnce({ method: "GET", path: `/v1/feeds/${feed}/posts/${id}?for=${newIdempotencyKey()}` });
