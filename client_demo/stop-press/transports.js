/**
 * One live line over each of three transports: messages in order, then one end.
 *
 * A transport is a function: it opens a line, calls `on.message` for each message and
 * `on.end` at most once, and returns a function that closes the line, after which it
 * calls neither. It never calls them before it returns, and never reconnects by itself:
 * connection.js does. A message may be passed as JSON text.
 * @module
 */

import { BROKEN, codeOfStatus } from "./close_codes.js";
import { request, retryAfterMs } from "./fetch_json.js";

/**
 * @typedef {import("./fetch_json.js").Endpoint & {cursor: string}} LineRequest
 * @typedef {{message: (message: any) => void,
 *   end: (code: number, retryMs?: number) => void}} LineListener
 * @typedef {(op: {op: "follow" | "unfollow", feed: string, cursor?: string}) => void} Send
 * @typedef {(() => void) & {send?: Send}} CloseLine Closes the line; `send`, where the
 *   transport has it, sends the hub an operation.
 * @typedef {(request: LineRequest, on: LineListener) => CloseLine} Transport
 */

const POLL_WAIT_S = 25;
const POLL_PAUSE_MS = 2000;

/**
 * A browser can't set a header on a WebSocket: the token is in the address, which no
 * page shows and no `Referer` carries.
 * @type {Transport}
 */
export function openWebSocket({ origin, feed, token, cursor, env }, on) {
  const url = new URL(`${origin}/v1/live`);
  url.protocol = url.protocol.replace("http", "ws");
  url.search = `?feed=${feed}@${cursor}${token && `&token=${encodeURIComponent(token)}`}`;
  const socket = new env.WebSocket(url.href);
  socket.onclose = (/** @type {{code: number}} */ { code }) => on.end(code);
  socket.onmessage = (/** @type {{data: string}} */ { data }) => on.message(data);
  const close = () => {
    socket.onmessage = socket.onclose = null;
    socket.close();
  };
  close.send = (/** @type {any} */ op) => socket.send(JSON.stringify(op));
  return close;
}

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
  let code = BROKEN;
  /** @type {number | undefined} */
  let retryMs;
  run(
    async (since, accept, query = "") => {
      const path = `/v1/feeds/${lineRequest.feed}/events?since=${since}${query}`;
      const response = await request(lineRequest, path, { signal, cache: "no-store", headers: { accept } });
      if (response.status === 200) return response;
      code = codeOfStatus(response.status);
      retryMs = retryAfterMs(response);
      throw new Error(path);
    },
    (message) => signal.aborted || on.message(message),
  )
    .catch(() => {})
    .then(() => {
      if (!signal.aborted) on.end(code, retryMs);
      control.abort();
    });
  return () => control.abort();
}

/** From the fastest to the one that works almost everywhere. */
export const TRANSPORTS = [openWebSocket, openEventStream, openLongPoll];
