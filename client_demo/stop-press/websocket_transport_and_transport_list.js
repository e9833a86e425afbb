/**
 * One live line over each of three transports: messages in order, then one end.
 *
 * A transport is a function: it opens a line, calls `on.message` for each message and
 * `on.end` at most once, and returns a function that closes the line, after which it
 * calls neither. It never calls them before it returns, and never reconnects by itself:
 * connection.js does. A message may be passed as JSON text.
 * @module
 */

import { BROKEN } from "./close_codes.js";

/**
 * @typedef {import("./http_requests_and_waits.js").Endpoint & {cursor: string}} LineRequest
 * @typedef {{message: (message: any) => void,
 *   end: (code: number, retryMs?: number) => void}} LineListener
 * @typedef {(op: {op: "follow" | "unfollow", feed: string, cursor?: string}) => void} Send
 * @typedef {(() => void) & {send?: Send}} CloseLine Closes the line; `send`, where the
 *   transport has it, sends the server an operation.
 * @typedef {(request: LineRequest, on: LineListener) => CloseLine} Transport
 */

/**
 * A browser can't set a header on a WebSocket: the token is in the address, which no
 * page shows and no `Referer` carries.
 * @type {Transport}
 */
export function openWebSocket({ origin, feed, token, cursor, env }, on) {
  const url = new URL(`${origin}/v1/live`);
  url.protocol = url.protocol.replace("http", "ws");
  url.search = `?feed=${feed}@${cursor}${token && `&token=${encodeURIComponent(/** @type {any} */ (token))}`}`;
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
 * A transport of `http_transports.js`, which is loaded when it is needed.
 * @param {"openEventStream" | "openLongPoll"} name
 * @returns {Transport}
 */
const loaded = (name) => (lineRequest, on) => {
  /** @type {CloseLine | undefined} */
  let close;
  let isClosed = false;
  import("./http_transports.js").then(
    (transports) => {
      if (!isClosed) close = transports[name](lineRequest, on);
    },
    () => isClosed || on.end(BROKEN),
  );
  return () => {
    isClosed = true;
    close?.();
  };
};

/** From the fastest to the one that works almost everywhere. */
export const TRANSPORTS = [openWebSocket, loaded("openEventStream"), loaded("openLongPoll")];
