/**
 * One live line, by each of three transports: messages in order, then one end.
 *
 * A line is a function: it opens, calls `on.message` for each message and
 * `on.end` at most once, and returns what closes it. None of them ever comes back
 * by itself: that is the reader's business (client.js).
 * @module
 */

import { BROKEN, codeOfStatus } from "./codes.js";

/**
 * @typedef {{origin: string, feed: string, cursor: string, env: any}} Wish
 * @typedef {{message: (message: any) => void,
 *   end: (code: number, retryMs?: number) => void}} On
 * @typedef {(wish: Wish, on: On) => () => void} Line
 */

const WAIT_S = 25;
const PAUSE_MS = 2000;

/** @type {Line} */
export function socketLine({ origin, feed, cursor, env }, on) {
  const url = new URL(`${origin}/v1/live`);
  url.protocol = url.protocol.replace("http", "ws");
  url.search = `?feed=${feed}@${cursor}`;
  const socket = new env.WebSocket(url.href);
  const close = () => {
    socket.onmessage = socket.onclose = null;
    socket.close();
  };
  socket.onclose = (/** @type {{code: number}} */ { code }) => on.end(code);
  socket.onmessage = (/** @type {{data: string}} */ { data }) => {
    let message;
    try {
      message = JSON.parse(data);
    } catch {
      close();
      return on.end(BROKEN);
    }
    on.message(message);
  };
  return close;
}

/**
 * By fetch rather than by EventSource: that one hides the status of a refusal.
 * @type {Line}
 */
export function streamLine(wish, on) {
  return byRequests(wish, on, async (ask, tell) => {
    const answer = await ask(wish.cursor, "text/event-stream");
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
        const data = block.match(/^data:.*/gm)?.map((line) => line.slice(5)).join("\n");
        if (data) tell(JSON.parse(data));
      }
    }
  });
}

/** @type {Line} */
export function pollLine(wish, on) {
  return byRequests(wish, on, async (ask, tell) => {
    const { feed, env } = wish;
    // The first answer comes at once: it shows that this way is open.
    for (let since = wish.cursor, wait = 0; ; wait = WAIT_S) {
      const asked = Date.now();
      const answer = await ask(since, "application/json", `&wait=${wait}`);
      const { events = [], cursor, reset, retry_ms } = await answer.json();
      if (reset) tell({ type: "reset", feed, cursor, retry_ms });
      events.forEach(tell);
      if (!reset) tell({ type: "beat", feed, cursor });
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
 * @param {(ask: (since: string, accept: string, more?: string) => Promise<Response>,
 *   tell: (message: any) => void) => Promise<void>} run
 * @returns {() => void}
 */
function byRequests({ origin, feed, env }, on, run) {
  const control = new AbortController();
  const { signal } = control;
  let code = BROKEN;
  /** @type {number | undefined} */
  let retryMs;
  run(
    async (since, accept, more = "") => {
      const url = `${origin}/v1/feeds/${feed}/events?since=${since}${more}`;
      const answer = await env.fetch(url, { signal, cache: "no-store", headers: { accept } });
      if (answer.status === 200) return answer;
      code = codeOfStatus(answer.status);
      retryMs = answer.headers.get("retry-after") * 1000 || undefined;
      throw new Error(`status ${answer.status}`);
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

/** From the best to the one that always works. */
export const LINES = [socketLine, streamLine, pollLine];
