/**
 * Keeps one feed's live line open: opens it, watches it, and reconnects.
 *
 * Rules:
 * - A line that is silent for two beats is broken, whatever its socket says.
 * - Readers spread their reconnects over the time that the server names: never all at once.
 * - A transport that never delivered a message may be blocked: the next one is tried.
 *   The transport that worked last is tried first.
 * @module
 */

import { BROKEN, BYE, isFinal } from "./close_codes.js";
import { isKnown } from "./event_types.js";
import { usableMs } from "./http_requests_and_waits.js";
import { keepText } from "./browser_storage.js";
import { setServerTime } from "./server_time.js";
import { TRANSPORTS } from "./websocket_transport_and_transport_list.js";

/**
 * @typedef {{message: (message: any) => void, onStopped: () => void,
 *   line: (state: "connecting" | "live" | "reconnecting", send?: Send) => void,
 *   other: (message: any) => void}} ConnectionListener `send`, `other`: see `client.js`.
 * @typedef {import("./websocket_transport_and_transport_list.js").Send} Send
 */

const OPEN_TIMEOUT_MS = 10_000;
/** Of a WebSocket before any line was open: some proxies swallow its handshake. */
const FIRST_TIMEOUT_MS = 2000;
const TRANSPORT = "stoppress:transport";
export const LONGEST_RETRY_MS = 30_000;
const LONG_SILENCE_MS = 10_000;
const WAKE_SPREAD_MS = 1000;

/**
 * @param {import("./http_requests_and_waits.js").Endpoint} endpoint
 * @param {() => string} cursor From where the line resumes.
 * @param {ConnectionListener} on
 */
export function createConnection(endpoint, cursor, on) {
  const { env } = endpoint;
  let isWanted = false;
  /** @type {import("./websocket_transport_and_transport_list.js").CloseLine | null} */
  let closeLine = null;
  /** @type {any} */
  let silenceTimer;
  /** @type {any} */
  let retryTimer;
  /** The one that worked on the page before; another server is as reachable, mostly. */
  let transport = Number(keepText(env, "sessionStorage", TRANSPORT)) % TRANSPORTS.length || 0;
  /** @type {number | null} */
  let lastGoodTransport = null;
  let isGreeted = false;
  let failures = 0;
  let beatMs = 25_000;
  let lastMessageAt = 0;

  const connection = {
    /** Over how long readers spread their reconnects after a break. */
    retryMs: 4000,

    /** Whether the line is open, or a reconnect is scheduled. */
    isKept: () => !!closeLine || retryTimer !== undefined,

    open() {
      connection.close();
      isWanted = true;
      isGreeted = false;
      on.line(lastGoodTransport === null ? "connecting" : "reconnecting");
      expectMessage(transport || lastGoodTransport !== null ? OPEN_TIMEOUT_MS : FIRST_TIMEOUT_MS);
      try {
        const lineRequest = { ...endpoint, cursor: cursor() };
        closeLine = TRANSPORTS[transport](lineRequest, { message: parse, end: lost });
      } catch {
        // The page's policy may forbid sockets: the next transport may work.
        lost(BROKEN);
      }
    },

    close() {
      isWanted = false;
      env.clearTimeout(silenceTimer);
      env.clearTimeout(retryTimer);
      retryTimer = undefined;
      closeLine?.();
      closeLine = null;
    },

    /**
     * The tab is shown again, or the network is back.
     * @param {boolean} online
     */
    wake(online) {
      // A clock that was set back counts as a long silence.
      const silenceMs = Math.abs(Date.now() - lastMessageAt);
      if (online && connection.isKept()) {
        // A socket from before may be dead without reporting it.
        transport = lastGoodTransport ?? 0;
        scheduleRetry(WAKE_SPREAD_MS);
      } else if (retryTimer !== undefined && silenceMs > LONG_SILENCE_MS) scheduleRetry(WAKE_SPREAD_MS);
      // The machine was asleep.
      else if (closeLine && isGreeted && silenceMs > beatMs * 1.2) connection.open();
    },
  };

  /**
   * Reconnect at a random moment of a span.
   * @param {number} spanMs
   * @param {number} [leastMs] When the span begins.
   */
  function scheduleRetry(spanMs, leastMs = 0) {
    connection.close();
    isWanted = true;
    retryTimer = env.setTimeout(connection.open, leastMs + env.Math.random() * spanMs);
  }

  /** @param {number} ms Within which the next message is due. */
  function expectMessage(ms) {
    lastMessageAt = Date.now();
    env.clearTimeout(silenceTimer);
    silenceTimer = env.setTimeout(() => lost(BROKEN), ms);
  }

  /** @param {any} message */
  function parse(message) {
    try {
      receive(typeof message === "string" ? JSON.parse(message) : message);
    } catch (error) {
      env.console.warn("stop-press:", error);
      lost(BROKEN);
    }
  }

  /** @param {any} message */
  function receive(message) {
    const { type, feed = endpoint.feed, beat, retry_ms, code } = message;
    // Of an event that is not known here counts only that it happened.
    if (!isKnown(type)) delete message.post;
    if (feed !== endpoint.feed) return on.other(message);
    if (type === "bye") return lost(BYE, usableMs(retry_ms));
    if (type === "error") return lost(code);
    if (type === "hello") {
      setServerTime(message.at);
      beatMs = usableMs(beat * 1000) || beatMs;
      connection.retryMs = usableMs(retry_ms) ?? connection.retryMs;
    }
    expectMessage(beatMs * 2 + 2000);
    if (!isGreeted) {
      isGreeted = true;
      if (lastGoodTransport !== transport) keepText(env, "sessionStorage", TRANSPORT, transport);
      lastGoodTransport = transport;
      failures = 0;
      on.line("live", closeLine?.send);
    }
    on.message(message);
  }

  /**
   * The line has ended: stop, or reconnect when the server says.
   * @param {number} code
   * @param {number} [ms] After what time to reconnect; by default it is chosen here.
   */
  function lost(code, ms) {
    if (!isWanted) return;
    connection.close();
    if (isFinal(code)) return on.onStopped();
    failures += 1;
    let spanMs = Math.min(LONGEST_RETRY_MS, connection.retryMs * 2 ** (failures - 1));
    // A transport that delivered nothing may be blocked; one that was refused is not.
    if (!isGreeted && code < 4000) {
      if (lastGoodTransport === null || failures > 2) transport = (transport + 1) % TRANSPORTS.length;
      if (lastGoodTransport === null && failures < TRANSPORTS.length) spanMs = 300;
    }
    if (lastGoodTransport !== null || failures >= TRANSPORTS.length) on.line("reconnecting");
    // Wait as long as the server said, and a little longer: others may have the same time.
    if (ms === undefined) scheduleRetry(spanMs);
    else scheduleRetry(ms / 4, ms);
  }

  return connection;
}
