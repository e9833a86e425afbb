/**
 * Asking a hub for JSON, and waiting, both of which can be called off.
 * @module
 */

import { codeOfStatus } from "./codes.js";

/**
 * @typedef {{origin: string, feed: string, token: string, from: string, newest: string,
 *   env: any}} Hub Where a feed is, and what reads it. The token never stands in an
 *   address that a page shows, links or sends on. `from` and `newest` as in `client.js`.
 */

/**
 * JSON, checked with the server. What is refused is thrown: `code` as a line's end has
 * it, and `retryMs` if the server named a time.
 * @param {Hub} hub
 * @param {string} path
 * @param {AbortSignal} [signal]
 * @returns {Promise<any>}
 */
export async function getJson(hub, path, signal) {
  const answer = await ask(hub, path, { signal, cache: "no-cache" });
  if (answer.status === 200) return answer.json();
  const { status } = answer;
  const told = { code: codeOfStatus(status), retryMs: retryOf(answer) };
  throw Object.assign(new Error(`${path}: ${status}`), told);
}

/**
 * @param {Hub} hub
 * @param {string} path
 * @param {any} options
 * @returns {Promise<Response>}
 */
export function ask({ origin, token, env }, path, options) {
  const headers = { ...options.headers, ...(token && { authorization: `Bearer ${token}` }) };
  return env.fetch(origin + path, { ...options, headers });
}

/**
 * When to come back, if a refusal says so.
 * @param {Response} answer
 */
export const retryOf = ({ headers }) =>
  timeOf(Number(headers.get("retry-after")) * 1000) || undefined;

const MOST_MS = 3_600_000;

/**
 * A time that was sent, if it is one; a timer takes what is none for 0, and what is too
 * long too: readers would come back at once, and again.
 * @param {unknown} ms
 */
export const timeOf = (ms) => (typeof ms === "number" && ms >= 0 ? Math.min(ms, MOST_MS) : undefined);

/**
 * @param {any} env
 * @param {number} ms
 * @param {AbortSignal} signal
 */
export function sleep(env, ms, signal) {
  return new Promise((go) => {
    const done = () => {
      env.clearTimeout(timer);
      signal.removeEventListener("abort", done);
      go(null);
    };
    const timer = env.setTimeout(done, ms);
    signal.addEventListener("abort", done);
  });
}
