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
import { isKnown } from "./event_types.js";
import { timeOf } from "./fetch.js";
import { LINES } from "./line.js";

/**
 * @typedef {{message: (message: any) => void, stopped: () => void,
 *   line: (state: "connecting" | "live" | "reconnecting", send?: Send) => void,
 *   other: (message: any) => void}} Told `send`: as in `client.js`, and so is `other`.
 * @typedef {import("./line.js").Send} Send
 */

const OPEN_MS = 10_000;
export const LONGEST_MS = 30_000;
const QUIET_MS = 10_000;
const WAKE_MS = 1000;

/**
 * @param {import("./fetch.js").Hub} hub
 * @param {() => string} cursor Where the line is to go on.
 * @param {Told} on
 */
export function connectionOf(hub, cursor, on) {
  const { env } = hub;
  let wanted = false;
  /** @type {import("./line.js").Open | null} */
  let end = null;
  /** @type {any} */
  let watch;
  /** @type {any} */
  let retry;
  let rung = 0;
  /** @type {number | null} The way that worked last. */
  let good = null;
  let greeted = false;
  let tries = 0;
  let beatMs = 25_000;
  let heard = 0;

  const connection = {
    /** Over how long readers spread their return after a break. */
    retryMs: 4000,

    /** Whether it is open, or will be by itself. */
    isKept: () => !!end || retry !== undefined,

    open() {
      connection.close();
      wanted = true;
      greeted = false;
      on.line(good === null ? "connecting" : "reconnecting");
      listen(OPEN_MS);
      let mine = true;
      try {
        const close = LINES[rung]({ ...hub, cursor: cursor() }, {
          message: (message) => mine && read(message),
          end: (code, ms) => mine && ended(code, ms),
        });
        end = () => {
          mine = false;
          close();
        };
        end.send = close.send;
      } catch {
        // Such as a page whose policy forbids sockets: the next line may work.
        ended(BROKEN);
      }
    },

    close() {
      wanted = false;
      env.clearTimeout(watch);
      env.clearTimeout(retry);
      retry = undefined;
      end?.();
      end = null;
    },

    /**
     * The tab is looked at again, or the network is back.
     * @param {boolean} online
     */
    wake(online) {
      // A clock that was set back tells nothing: taken for a long silence.
      const quietMs = Math.abs(Date.now() - heard);
      if (online && connection.isKept()) {
        // What was open before may be dead without knowing.
        rung = good ?? 0;
        again(WAKE_MS);
      } else if (retry !== undefined && quietMs > QUIET_MS) again(WAKE_MS);
      // The machine slept.
      else if (end && greeted && quietMs > beatMs * 1.2) connection.open();
    },
  };

  /**
   * Open it again, within a time that many draw.
   * @param {number} ms
   * @param {number} [least]
   */
  function again(ms, least = 0) {
    connection.close();
    wanted = true;
    retry = env.setTimeout(connection.open, least + env.Math.random() * ms);
  }

  /** @param {number} ms */
  function listen(ms) {
    heard = Date.now();
    env.clearTimeout(watch);
    watch = env.setTimeout(() => ended(BROKEN), ms);
  }

  /** @param {any} message */
  function read(message) {
    try {
      take(typeof message === "string" ? JSON.parse(message) : message);
    } catch (error) {
      env.console.warn("stop-press:", error);
      ended(BROKEN);
    }
  }

  /** @param {any} message */
  function take(message) {
    const { type, feed = hub.feed, beat, retry_ms, code } = message;
    // Of an event that is not known here counts only that it happened.
    if (!isKnown(type)) delete message.post;
    if (feed !== hub.feed) return on.other(message);
    if (type === "bye") return ended(CODES.BYE, timeOf(retry_ms));
    if (type === "error") return ended(code);
    if (type === "hello") {
      beatMs = timeOf(beat * 1000) || beatMs;
      connection.retryMs = timeOf(retry_ms) ?? connection.retryMs;
    }
    listen(beatMs * 2 + 2000);
    if (!greeted) {
      greeted = true;
      good = rung;
      tries = 0;
      on.line("live", end?.send);
    }
    on.message(message);
  }

  /**
   * It ended: stop, or come back when the server wants it.
   * @param {number} code
   * @param {number} [ms] When to come back; else it is drawn here.
   */
  function ended(code, ms) {
    if (!wanted) return;
    connection.close();
    if (isFinal(code)) return on.stopped();
    tries += 1;
    let span = Math.min(LONGEST_MS, connection.retryMs * 2 ** (tries - 1));
    // A line that never spoke may be blocked on the way; one that refused is not.
    if (!greeted && code < 4000) {
      if (good === null || tries > 2) rung = (rung + 1) % LINES.length;
      if (good === null && tries < LINES.length) span = 300;
    }
    if (good !== null || tries >= LINES.length) on.line("reconnecting");
    // A time that was named is kept, and a little more: others may have been told the same.
    if (ms === undefined) again(span);
    else again(ms / 4, ms);
  }

  return connection;
}
