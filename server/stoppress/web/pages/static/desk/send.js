/**
 * One request to the API, repeated under one key until its outcome is known.
 *
 * Rules: a key is made for an attempt and lives as long as the attempt's outcome
 * is unknown, over a reload too; no answer, 429 and 5xx are "unknown", everything
 * else is an answer. Repeating can't do a thing twice.
 * @module
 */

/**
 * @typedef {{method: string, path: string, body?: any, rev?: number, key: string}} Attempt
 * @typedef {{status: number, body: any, waitS?: number}} Answer
 */

/** The path that the site is under; "" at the root of its host. */
export const ROOT = globalThis.document?.documentElement?.dataset?.root ?? "";

const TIMEOUT_MS = 15_000;
const FIRST_WAIT_S = 1;
const LONGEST_WAIT_S = 15;

/** @returns {string} */
export function newKey() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/**
 * Ask once. Status 0: no answer came.
 * @param {Omit<Attempt, "key"> & {key?: string}} attempt
 * @returns {Promise<Answer>}
 */
export async function ask({ method, path, body, rev, key }) {
  /** @type {{[name: string]: string}} */
  const headers = { accept: "application/json" };
  if (body !== undefined) headers["content-type"] = "application/json";
  if (rev !== undefined) headers["if-match"] = `"${rev}"`;
  if (key) headers["idempotency-key"] = key;
  try {
    const answer = await fetch(ROOT + path, {
      method,
      headers,
      body: body === undefined ? undefined : JSON.stringify(body),
      cache: "no-store",
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
    const text = await answer.text();
    const waitS = Number(answer.headers.get("retry-after")) || undefined;
    return { status: answer.status, body: parsed(text), waitS };
  } catch {
    return { status: 0, body: null };
  }
}

/** @param {string} text */
function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return null; // A proxy's own page: the status says enough.
  }
}

/** @param {Answer} answer */
export const isUnknown = ({ status }) => status === 0 || status === 429 || status >= 500;

export class Sending {
  /**
   * @param {Attempt} attempt
   * @param {(answer: Answer, waitS: number) => void} onWait told before each wait
   */
  constructor(attempt, onWait) {
    this.attempt = attempt;
    this.#onWait = onWait;
  }

  #onWait;
  #isStopped = false;
  /** @type {() => void} */
  #wake = () => {};

  /**
   * Repeat until there is an answer; null if it was stopped before.
   * @returns {Promise<Answer | null>}
   */
  async run() {
    for (let wait = FIRST_WAIT_S; ; wait = Math.min(wait * 2, LONGEST_WAIT_S)) {
      const answer = await ask(this.attempt);
      if (!isUnknown(answer)) return answer;
      if (this.#isStopped) return null;
      const waitS = Math.max(wait, answer.waitS ?? 0);
      this.#onWait(answer, waitS);
      await this.#pause(waitS * 1000);
      if (this.#isStopped) return null;
    }
  }

  /** Don't wait: try now. */
  hurry() {
    this.#wake();
  }

  /** Stop trying; what is under way is awaited. */
  stop() {
    this.#isStopped = true;
    this.#wake();
  }

  /** @param {number} ms */
  #pause(ms) {
    return new Promise((go) => {
      const timer = setTimeout(go, ms);
      this.#wake = () => {
        clearTimeout(timer);
        go(undefined);
      };
    });
  }
}
