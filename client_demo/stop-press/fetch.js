/**
 * Asking for JSON, and waiting, both of which can be called off.
 * @module
 */

import { CODES } from "./codes.js";

/**
 * JSON, checked with the server. What is refused is thrown: `code` as a line's end has
 * it, and `retryMs` if the server named a time.
 * @param {any} env
 * @param {string} url
 * @param {AbortSignal} [signal]
 * @returns {Promise<any>}
 */
export async function getJson(env, url, signal) {
  const answer = await env.fetch(url, { signal, cache: "no-cache" });
  if (answer.status === 200) return answer.json();
  const retryMs = answer.headers.get("retry-after") * 1000 || undefined;
  const code = answer.status === 410 ? CODES.NOT_FOUND : 4000 + answer.status;
  throw Object.assign(new Error(`${url}: status ${answer.status}`), { code, retryMs });
}

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
