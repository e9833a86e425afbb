/**
 * The transports for networks and pages that let no WebSocket through: an event stream
 * and a long poll, both by fetch.
 *
 * Loaded only when a WebSocket has delivered nothing (`websocket_transport_and_transport_list.js`, where the rules of
 * a transport are).
 * @module
 */

import { BROKEN, codeOfStatus } from "./close_codes.js";
import { request, retryAfterMs } from "./http_requests_and_waits.js";

/**
 * @typedef {import("./websocket_transport_and_transport_list.js").LineRequest} LineRequest
 * @typedef {import("./websocket_transport_and_transport_list.js").LineListener} LineListener
 * @typedef {import("./websocket_transport_and_transport_list.js").Transport} Transport
 */

const POLL_WAIT_S = 25;
const POLL_PAUSE_MS = 2000;

/**
 * By fetch rather than by EventSource, which hides the status of a refusal.
 * @type {Transport}
 */
export function openEventStream(lineRequest, on) {
  return openHttp(lineRequest, on, async (get, pass) => {
    const response = await get(lineRequest.cursor, "text/event-stream");
    const reader = /** @type {ReadableStream} */ (response.body)
      .pipeThrough(new TextDecoderStream())
      .getReader();
    let text = "";
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      const blocks = (text + value).split(/\r?\n\r?\n/);
      text = /** @type {string} */ (blocks.pop());
      for (const block of blocks) {
        const data = /^data:(.*)/m.exec(block);
        if (data) pass(data[1]);
      }
    }
  });
}

/** @type {Transport} */
export function openLongPoll(lineRequest, on) {
  return openHttp(lineRequest, on, async (get, pass) => {
    const { feed, env } = lineRequest;
    // The first poll does not wait: its answer shows that this transport works.
    for (let since = lineRequest.cursor, wait = 0; ; wait = POLL_WAIT_S) {
      const startedAt = Date.now();
      const response = await get(since, "application/json", `&wait=${wait}`);
      const { events = [], cursor, reset, retry_ms } = await response.json();
      events.forEach(pass);
      pass({ type: reset ? "reset" : "beat", feed, cursor, retry_ms });
      since = cursor;
      // A proxy on the way may answer every poll at once.
      if (wait && !events.length && Date.now() - startedAt < POLL_PAUSE_MS) {
        await new Promise((resolve) => env.setTimeout(resolve, POLL_PAUSE_MS));
      }
    }
  });
}

/**
 * What both HTTP transports share: the address, refusals and closing.
 * @param {LineRequest} lineRequest
 * @param {LineListener} on
 * @param {(get: (since: string, accept: string, query?: string) => Promise<Response>,
 *   pass: (message: any) => void) => Promise<void>} run
 * @returns {() => void}
 */
function openHttp(lineRequest, on, run) {
  const control = new AbortController();
  const { signal } = control;
  /** @type {[code: number, retryMs?: number]} */
  let end = [BROKEN];
  run(
    async (since, accept, query = "") => {
      const path = `/v1/feeds/${lineRequest.feed}/events?since=${since}${query}`;
      const response = await request(lineRequest, path, { signal, cache: "no-store", headers: { accept } });
      if (response.status === 200) return response;
      end = [codeOfStatus(response.status), retryAfterMs(response)];
      throw new Error(path);
    },
    (message) => signal.aborted || on.message(message),
  )
    .catch(() => {})
    .then(() => {
      if (!signal.aborted) on.end(...end);
      control.abort();
    });
  return () => control.abort();
}
