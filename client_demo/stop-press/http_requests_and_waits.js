/**
 * Requests to the hub, and waits between them; a signal cancels both.
 * @module
 */

import { codeOfStatus } from "./close_codes.js";

/**
 * @typedef {{origin: string, feed: string, token: string | import("./ticket_source.js").TicketSource, from: string, newest: string,
 *   env: any}} Endpoint Where a feed is, and the token that reads it. The token is never
 *   part of an address that a page shows, links or sends on. `from`, `newest` and `env`:
 *   see `client.js`.
 * @typedef {Error & {code: number, retryMs?: number}} Refusal Why there is no answer.
 */

/**
 * JSON, revalidated with the server. Rejects on any status but 200, with `code` (the
 * close code) and `retryMs` (if the server sent Retry-After).
 * @param {Endpoint} endpoint
 * @param {string} path
 * @param {AbortSignal} [signal]
 * @returns {Promise<any>}
 */
export async function getJson(endpoint, path, signal) {
  const response = await request(endpoint, path, { signal, cache: "no-cache" });
  const { status } = response;
  if (status === 200) return response.json();
  const details = { code: codeOfStatus(status), retryMs: retryAfterMs(response) };
  throw Object.assign(new Error(`${path}: ${status}`), details);
}

/**
 * @param {Endpoint} endpoint
 * @param {string} path
 * @param {any} options
 * @returns {Promise<Response>}
 */
export function request({ origin, token, env }, path, options) {
  const headers = { ...options.headers, ...(token && { authorization: `Bearer ${token}` }) };
  return env.fetch(origin + path, { ...options, headers });
}

/**
 * The response's Retry-After in ms, if it has one.
 * @param {Response} response
 */
export const retryAfterMs = ({ headers }) =>
  usableMs(Number(headers.get("retry-after")) * 1000) || undefined;

const LONGEST_WAIT_MS = 3_600_000;

/**
 * A duration that the server sent, at most an hour; undefined if it is none. A timer
 * takes an invalid or too long duration for 0, and readers would retry at once, again
 * and again.
 * @param {unknown} ms
 */
export const usableMs = (ms) => (typeof ms === "number" && ms >= 0 ? Math.min(ms, LONGEST_WAIT_MS) : undefined);

/**
 * @param {any} env
 * @param {number} ms
 * @param {AbortSignal} signal Has one sleep at a time.
 */
export function sleep(env, ms, signal) {
  return new Promise((resolve) => {
    const timer = env.setTimeout(resolve, ms);
    signal.onabort = () => {
      env.clearTimeout(timer);
      resolve(null);
    };
  });
}
