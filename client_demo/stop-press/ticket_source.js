/**
 * Tickets for readers of a private feed: asked for where the newsroom's own server gives
 * them, and renewed on the open line.
 *
 * Rules:
 * - A ticket is asked for when there is none, before a WebSocket if the last one is too
 *   old for an address, when the server says that it expires, and once after a refusal. A
 *   second refusal in a row is the end: what the source gives is not good.
 * - A source that fails is a server that can't be reached: it is asked again after the usual
 *   wait. An empty ticket means that this reader gets none.
 * - Works on what `Reader` gets from its `env`; without it nobody loads this.
 * @module
 */

/**
 * @typedef {() => Promise<string>} AskForTicket Gives a ticket, or "".
 * @typedef {{env: any, toString: () => string}} TicketSource What `Reader` and
 *   `<stop-press>` take as their `token`.
 */

/** The server takes a ticket in an address for 60 s; a handshake may take some. */
const ADDRESS_MS = 40_000;
const ANSWER_TIMEOUT_MS = 10_000;
const UNAUTHENTICATED = 4401;
/** Tells the reader to come back. */
const COME_BACK = 4000;

/**
 * @param {AskForTicket | string} source A function, or an address: it is asked by POST,
 *   with the page's cookies, and answers `{"ticket": "…"}`, or 401, 403 or 404.
 * @param {any} [base] Everything that the browser has.
 * @returns {TicketSource}
 */
export function createTicketSource(source, base = globalThis) {
  const ask = typeof source === "string" ? () => askAt(source, base) : source;
  let ticket = "";
  let askedAt = 0;
  let wasRefused = false;
  /** @type {Promise<string> | null} */
  let asking = null;

  /** Another ticket; calls made while it is fetched share it. */
  const renew = () =>
    (asking ??= ask()
      .then((given) => {
        ticket = given;
        askedAt = Date.now();
        return given;
      })
      .finally(() => {
        asking = null;
      }));

  /** Whether a refusal may be answered by another ticket. */
  function mayAskAgain() {
    const may = !wasRefused;
    wasRefused = true;
    if (may) ticket = "";
    return may;
  }

  /**
   * @param {string} url
   * @param {any} options
   * @returns {Promise<any>}
   */
  async function fetchWithTicket(url, options = {}) {
    const send = async () => {
      const given = ticket || (await renew());
      if (!given) return new Response(null, { status: 401 });
      return base.fetch(url, { ...options, headers: { ...options.headers, authorization: `Bearer ${given}` } });
    };
    const response = await send();
    if (response.status === 401 && mayAskAgain()) return send();
    if (response.ok) wasRefused = false;
    return response;
  }

  /** A WebSocket whose address gets a ticket first, and that renews it. */
  class TicketSocket {
    /** @type {((event: any) => void) | null} */ onmessage = null;
    /** @type {((event: any) => void) | null} */ onclose = null;
    /** @type {any} */ #socket = null;
    #isClosed = false;

    /** @param {string} url */
    constructor(url) {
      const isFresh = ticket && Date.now() - askedAt < ADDRESS_MS;
      (isFresh ? Promise.resolve(ticket) : renew()).then(
        (given) => (given ? this.#open(url, given) : this.#end(UNAUTHENTICATED)),
        () => this.#end(1006),
      );
    }

    /**
     * @param {string} url
     * @param {string} given
     */
    #open(url, given) {
      if (this.#isClosed) return;
      const address = new URL(url);
      address.search = address.search.replace(/&token=[^&]*/, "") + `&ticket=${encodeURIComponent(given)}`;
      try {
        this.#socket = new base.WebSocket(address.href);
      } catch {
        return this.#end(1006);
      }
      this.#socket.onclose = (/** @type {{code: number}} */ { code }) => this.#end(code);
      this.#socket.onmessage = (/** @type {{data: string}} */ event) => this.#take(event);
    }

    /** @param {{data: string}} event */
    #take(event) {
      const { type, feed, code } = controlIn(event.data);
      if (type === "hello") wasRefused = false;
      if (type === "expiring") return this.#renew(feed);
      if (type === "error" && code === UNAUTHENTICATED) return this.#end(UNAUTHENTICATED);
      this.onmessage?.(event);
    }

    /** @param {string} feed */
    #renew(feed) {
      const socket = this.#socket;
      renew().then(
        (given) => {
          if (given && socket === this.#socket) this.send(JSON.stringify({ op: "renew", feed, ticket: given }));
        },
        // The line ends in its time, and another ticket is asked for then.
        () => {},
      );
    }

    /** @param {number} code */
    #end(code) {
      if (this.#isClosed) return;
      this.close();
      this.onclose?.({ code: code === UNAUTHENTICATED && mayAskAgain() ? COME_BACK : code });
    }

    /** @param {string} text */
    send(text) {
      this.#socket?.send(text);
    }

    close() {
      this.#isClosed = true;
      const socket = this.#socket;
      this.#socket = null;
      if (!socket) return;
      socket.onmessage = socket.onclose = null;
      socket.close();
    }
  }

  const own = { fetch: fetchWithTicket, WebSocket: TicketSocket };
  const env = new Proxy(base, {
    get(target, /** @type {any} */ name) {
      const value = name in own ? own[/** @type {keyof typeof own} */ (name)] : target[name];
      // Functions of a window work on that window alone.
      return typeof value === "function" && !(name in own) ? value.bind(target) : value;
    },
  });
  return { env, toString: () => "" };
}

/**
 * A message of the line, if it is one of the few that concern tickets.
 * @param {string} data
 * @returns {any}
 */
function controlIn(data) {
  try {
    return /^\{"type":"(hello|expiring|error)"/.test(data) ? JSON.parse(data) : {};
  } catch {
    return {};
  }
}

/**
 * @param {string} address
 * @param {any} base
 * @returns {Promise<string>}
 */
async function askAt(address, base) {
  const signal = /** @type {any} */ (AbortSignal).timeout(ANSWER_TIMEOUT_MS);
  const response = await base.fetch(address, { method: "POST", credentials: "include", cache: "no-store", signal });
  if ([401, 403, 404].includes(response.status)) return "";
  if (!response.ok) throw new Error(`${address}: ${response.status}`);
  const { ticket } = await response.json();
  return String(ticket ?? "");
}

/** `<stop-press tickets="/address">`: every such element of the page gets its source. */
for (const element of globalThis.document?.querySelectorAll("stop-press[tickets]") ?? []) {
  const address = new URL(/** @type {string} */ (element.getAttribute("tickets")), document.baseURI).href;
  Object.assign(element, { token: createTicketSource(address) });
}
