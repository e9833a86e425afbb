/**
 * One live line, by each of three transports: messages in order, then one end.
 *
 * A line is a function: it opens, calls `on.message` for each message and
 * `on.end` at most once, and returns what closes it. None of them ever comes back
 * by itself: that is the connection's business (connection.js). A message may be the
 * text of one.
 * @module
 */

import { BROKEN, codeOfStatus } from "./codes.js";
import { ask, retryOf } from "./fetch.js";

/**
 * @typedef {import("./fetch.js").Hub & {cursor: string}} Wish
 * @typedef {{message: (message: any) => void,
 *   end: (code: number, retryMs?: number) => void}} On
 * @typedef {(op: {op: "follow" | "unfollow", feed: string, cursor?: string}) => void} Send
 * @typedef {(() => void) & {send?: Send}} Open What closes it, and asks the hub for more.
 * @typedef {(wish: Wish, on: On) => Open} Line
 */

const WAIT_S = 25;
const PAUSE_MS = 2000;

/**
 * A browser sets no header on a socket: a token is said in its address, which no page
 * shows and no `Referer` carries.
 * @type {Line}
 */
export function socketLine({ origin, feed, token, cursor, env }, on) {
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
 * By fetch rather than by EventSource: that one hides the status of a refusal.
 * @type {Line}
 */
export function streamLine(wish, on) {
  return byRequests(wish, on, async (get, tell) => {
    const answer = await get(wish.cursor, "text/event-stream");
    const reader = /** @type {ReadableStream} */ (answer.body)
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
        if (data) tell(data[1]);
      }
    }
  });
}

/** @type {Line} */
export function pollLine(wish, on) {
  return byRequests(wish, on, async (get, tell) => {
    const { feed, env } = wish;
    // The first answer comes at once: it shows that this way is open.
    for (let since = wish.cursor, wait = 0; ; wait = WAIT_S) {
      const asked = Date.now();
      const answer = await get(since, "application/json", `&wait=${wait}`);
      const { events = [], cursor, reset, retry_ms } = await answer.json();
      events.forEach(tell);
      tell({ type: reset ? "reset" : "beat", feed, cursor, retry_ms });
      since = cursor;
      // Something between here and the server may answer at once, always.
      if (wait && !events.length && Date.now() - asked < PAUSE_MS) {
        await new Promise((go) => env.setTimeout(go, PAUSE_MS));
      }
    }
  });
}

/**
 * What both HTTP lines share: the address, refusals, and closing.
 * @param {Wish} wish
 * @param {On} on
 * @param {(get: (since: string, accept: string, more?: string) => Promise<Response>,
 *   tell: (message: any) => void) => Promise<void>} run
 * @returns {() => void}
 */
function byRequests(wish, on, run) {
  const control = new AbortController();
  const { signal } = control;
  let code = BROKEN;
  /** @type {number | undefined} */
  let ms;
  run(
    async (since, accept, more = "") => {
      const path = `/v1/feeds/${wish.feed}/events?since=${since}${more}`;
      const answer = await ask(wish, path, { signal, cache: "no-store", headers: { accept } });
      if (answer.status === 200) return answer;
      code = codeOfStatus(answer.status);
      ms = retryOf(answer);
      throw new Error(path);
    },
    (message) => signal.aborted || on.message(message),
  )
    .catch(() => {})
    .then(() => {
      if (!signal.aborted) on.end(code, ms);
      control.abort();
    });
  return () => control.abort();
}

/** From the best to the one that always works. */
export const LINES = [socketLine, streamLine, pollLine];
