/**
 * Keeps one feed's live line open: opens it, watches over it, and comes back.
 *
 * Rules:
 * - A line that says nothing for two beats is broken, whatever its socket says.
 * - Returns are spread as the server says: never all at once.
 * - A way on which nothing was ever heard may be blocked: the next one is tried. What
 *   worked last is tried first.
 * @module
 */

import { BROKEN, CODES, isFinal } from "./codes.js";
import { timeOf } from "./fetch.js";
import { LINES } from "./line.js";

/**
 * @typedef {{message: (message: any) => void, stopped: (code: number) => void,
 *   line: (state: "connecting" | "live" | "reconnecting") => void}} Told
 */

const OPEN_MS = 10_000;
export const LONGEST_MS = 30_000;
const QUIET_MS = 10_000;
const WAKE_MS = 1000;

export class Connection {
  /** Over how long readers spread their return after a break. */
  retryMs = 4000;

  #hub;
  #env;
  #on;
  #cursor;
  #wanted = false;
  /** @type {(() => void) | null} */ #close = null;
  /** @type {any} */ #watch;
  /** @type {any} */ #retry;
  #rung = 0;
  /** @type {number | null} The way that worked last. */ #good = null;
  #greeted = false;
  #tries = 0;
  #beatMs = 25_000;
  #heard = 0;

  /**
   * @param {import("./fetch.js").Hub} hub
   * @param {() => string} cursor Where the line is to go on.
   * @param {Told} on
   */
  constructor(hub, cursor, on) {
    this.#hub = hub;
    this.#env = hub.env;
    this.#cursor = cursor;
    this.#on = on;
  }

  get isOpen() {
    return !!this.#close;
  }

  /** Whether it is open, or will be by itself. */
  get isKept() {
    return this.isOpen || this.#retry !== undefined;
  }

  open() {
    this.close();
    this.#wanted = true;
    this.#greeted = false;
    this.#on.line(this.#good === null ? "connecting" : "reconnecting");
    this.#listen(OPEN_MS);
    let mine = true;
    try {
      const close = LINES[this.#rung]({ ...this.#hub, cursor: this.#cursor() }, {
        message: (message) => mine && this.#message(message),
        end: (code, ms) => mine && this.#ended(code, ms),
      });
      this.#close = () => {
        mine = false;
        close();
      };
    } catch {
      // Such as a page whose policy forbids sockets: the next line may work.
      this.#ended(BROKEN);
    }
  }

  close() {
    this.#wanted = false;
    this.#env.clearTimeout(this.#watch);
    this.#env.clearTimeout(this.#retry);
    this.#retry = undefined;
    this.#close?.();
    this.#close = null;
  }

  /**
   * The tab is looked at again, or the network is back.
   * @param {boolean} online
   */
  wake(online) {
    // A clock that was set back tells nothing: taken for a long silence.
    const quietMs = Math.abs(Date.now() - this.#heard);
    const waits = this.#retry !== undefined;
    if (online && this.isKept) {
      // What was open before may be dead without knowing.
      this.#rung = this.#good ?? 0;
      this.#again(WAKE_MS);
    } else if (waits && quietMs > QUIET_MS) this.#again(WAKE_MS);
    // The machine slept.
    else if (this.#close && this.#greeted && quietMs > this.#beatMs * 1.2) this.open();
  }

  /**
   * Open it again, within a time that many draw.
   * @param {number} ms
   * @param {number} [least]
   */
  #again(ms, least = 0) {
    this.close();
    this.#wanted = true;
    const wait = least + this.#env.Math.random() * ms;
    this.#retry = this.#env.setTimeout(() => this.open(), wait);
  }

  /** @param {number} ms */
  #listen(ms) {
    this.#heard = Date.now();
    this.#env.clearTimeout(this.#watch);
    this.#watch = this.#env.setTimeout(() => this.#ended(BROKEN), ms);
  }

  /** @param {any} message */
  #message(message) {
    try {
      this.#take(typeof message === "string" ? JSON.parse(message) : message);
    } catch (error) {
      this.#env.console.warn("stop-press:", error);
      this.#ended(BROKEN);
    }
  }

  /** @param {any} message */
  #take(message) {
    const { type, beat, retry_ms, code } = message;
    if (type === "bye") return this.#ended(CODES.BYE, timeOf(retry_ms));
    if (type === "error") return this.#ended(code);
    if (type === "hello") {
      this.#beatMs = timeOf(beat * 1000) || this.#beatMs;
      this.retryMs = timeOf(retry_ms) ?? this.retryMs;
    }
    this.#listen(this.#beatMs * 2 + 2000);
    if (!this.#greeted) {
      this.#greeted = true;
      this.#good = this.#rung;
      this.#tries = 0;
      this.#on.line("live");
    }
    this.#on.message(message);
  }

  /**
   * It ended: stop, or come back when the server wants it.
   * @param {number} code
   * @param {number} [ms] When to come back; else it is drawn here.
   */
  #ended(code, ms) {
    if (!this.#wanted) return;
    this.close();
    if (isFinal(code)) return this.#on.stopped(code);
    this.#tries += 1;
    let span = Math.min(LONGEST_MS, this.retryMs * 2 ** (this.#tries - 1));
    // A line that never spoke may be blocked on the way; one that refused is not.
    if (!this.#greeted && code < 4000) {
      const ladder = this.#good === null || this.#tries > 2;
      if (ladder) this.#rung = (this.#rung + 1) % LINES.length;
      if (this.#good === null && this.#tries < LINES.length) span = 300;
    }
    if (this.#good !== null || this.#tries >= LINES.length) this.#on.line("reconnecting");
    // A time that was named is kept, and a little more: others may have been told the same.
    if (ms === undefined) this.#again(span);
    else this.#again(ms / 4, ms);
  }
}
