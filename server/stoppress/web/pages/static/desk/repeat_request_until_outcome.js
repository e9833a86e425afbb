/**
 * One request to the API, repeated under one idempotency key until its outcome is known.
 *
 * Rules: an attempt keeps its key while its outcome is unknown, also across a reload;
 * no answer, 429 and 5xx leave the outcome unknown, every other status is an outcome.
 * So a repeat never takes effect twice.
 * @module
 */

/**
 * @typedef {{method: string, path: string, body?: any, rev?: number | string, key: string,
 *   person?: string}} Attempt `rev`: or the tag of what it replaces; `key`: the idempotency
 *   key; `person`: who must be signed in.
 *   Drafts in browsers hold attempts: their members keep these names.
 * @typedef {{status: number, body: any, waitS?: number, tag?: string}} Answer `tag`: of the ETag
 */

/** The path that the site is under; "" at the root of its host. */
export const ROOT = globalThis.document?.documentElement?.dataset?.root ?? "";

const TIMEOUT_MS = 15_000;
const FIRST_RETRY_WAIT_S = 1;
const LONGEST_RETRY_WAIT_S = 15;

/** The event of the document when an answer says that nobody is signed in, or another. */
export const SIGNED_OUT = "signed-out";

/** @returns {string} */
export function newIdempotencyKey() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/**
 * Send a request once. Status 0: no answer came.
 * @param {Omit<Attempt, "key"> & {key?: string}} attempt
 * @returns {Promise<Answer>}
 */
export async function sendOnce({ method, path, body, rev, person, key: idempotencyKey }) {
  /** @type {{[name: string]: string}} */
  const headers = { accept: "application/json" };
  if (body !== undefined) headers["content-type"] = "application/json";
  if (rev !== undefined) headers["if-match"] = `"${rev}"`;
  if (person) headers["stop-press-person"] = person;
  if (idempotencyKey) headers["idempotency-key"] = idempotencyKey;
  try {
    const response = await fetch(ROOT + path, {
      method,
      headers,
      body: body === undefined ? undefined : JSON.stringify(body),
      cache: "no-store",
      signal: timeoutSignal(TIMEOUT_MS),
    });
    const text = await response.text();
    if (response.status === 401) globalThis.document?.dispatchEvent(new Event(SIGNED_OUT));
    const waitS = Number(response.headers.get("retry-after")) || undefined;
    const tag = /"([^"]*)"/.exec(response.headers.get("etag") ?? "")?.[1];
    return { status: response.status, body: parseJson(text), waitS, tag };
  } catch {
    return { status: 0, body: null };
  }
}

/**
 * A signal that aborts by itself. (TypeScript 4.8, which Debian has, does not know it.)
 * @param {number} ms
 * @returns {AbortSignal}
 */
const timeoutSignal = (ms) => /** @type {any} */ (AbortSignal).timeout(ms);

/** @param {string} text */
function parseJson(text) {
  try {
    return JSON.parse(text);
  } catch {
    return null; // Such as a proxy's error page: the status is enough.
  }
}

/**
 * Whether the outcome is unknown: the request may have taken effect, or may do so yet.
 * @param {Answer} answer
 */
export const isUnknown = ({ status }) => status === 0 || status === 429 || status >= 500;

/**
 * Whether the idempotency key was used with another body: an earlier attempt did arrive.
 * @param {Answer} answer
 */
export const isKeyReused = ({ status, body }) => status === 422 && /key-reused$/.test(body?.type ?? "");

export class RepeatedRequest {
  /**
   * @param {Attempt} attempt
   * @param {(answer: Answer, waitS: number) => void} onWait called before each wait
   */
  constructor(attempt, onWait) {
    this.attempt = attempt;
    this.#onWait = onWait;
  }

  #onWait;
  #isStopped = false;
  /** @type {() => void} */
  #endWait = () => {};

  /**
   * Repeat until the outcome is known; null if stopped before.
   * @returns {Promise<Answer | null>}
   */
  async run() {
    for (let wait = FIRST_RETRY_WAIT_S; ; wait = Math.min(wait * 2, LONGEST_RETRY_WAIT_S)) {
      const answer = await sendOnce(this.attempt);
      if (!isUnknown(answer)) return answer;
      if (this.#isStopped) return null;
      const waitS = Math.max(wait, answer.waitS ?? 0);
      this.#onWait(answer, waitS);
      await this.#wait(waitS * 1000);
      if (this.#isStopped) return null;
    }
  }

  /** End the wait and try now. */
  hurry() {
    this.#endWait();
  }

  /** Stop repeating; a request under way is awaited. */
  stop() {
    this.#isStopped = true;
    this.#endWait();
  }

  /** @param {number} ms */
  #wait(ms) {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, ms);
      this.#endWait = () => {
        clearTimeout(timer);
        resolve(undefined);
      };
    });
  }
}
