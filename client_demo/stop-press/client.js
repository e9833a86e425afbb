/**
 * Keeps one feed's state current: a snapshot, then the live line from its cursor.
 *
 * Rules:
 * - The line has a cursor of its own (`#lineCursor`). Messages that arrive while a snapshot
 *   is loading are queued; those that the snapshot already includes are then dropped.
 * - A state never goes back within an epoch.
 * - Works without an element or a page: `env` supplies everything the browser has.
 * @module
 */

import { isFinal } from "./close_codes.js";
import { LONGEST_RETRY_MS, createConnection } from "./connection.js";
import { formatCursor, parseCursor, reaches } from "./cursor.js";
import { getJson, sleep, usableMs } from "./http_requests_and_waits.js";
import { Gap, fold } from "./fold.js";
import { loadSnapshot } from "./load_snapshot.js";
import { createUnloadedPosts } from "./unloaded_post_versions.js";
import { listenForWake } from "./wake_events.js";

/**
 * @typedef {import("./fold.js").State} State
 * @typedef {import("./fold.js").Message} Message
 * @typedef {import("./cursor.js").Cursor} Cursor
 * @typedef {"connecting" | "live" | "reconnecting" | "ended" | "gone"} LineState
 * @typedef {{change?: (state: State, message: Message | null) => void,
 *   line?: (state: LineState) => void, readers?: (count: number) => void,
 *   reset?: () => void}} Listener `reset`: a snapshot has replaced the state.
 * @typedef {{token?: string | import("./ticket_source.js").TicketSource, from?: string, newest?: string, env?: Environment}} Options `token`:
 *   for a private feed: a text, or a source of tickets (`ticket_source.js`). `from`: other posts than the newest (`which_posts_belong_on_page.js`).
 *   `newest`: when the feed's newest post was published, if `from` begins further back.
 *   `env`: the source of timers, `fetch` and the like; by default the global object.
 * @typedef {Pick<typeof globalThis, "fetch" | "setTimeout" | "clearTimeout" | "Math" | "console">
 *   & Partial<Pick<typeof globalThis, "WebSocket" | "document" | "addEventListener" |
 *   "localStorage" | "sessionStorage">>} Environment
 * @typedef {import("./http_requests_and_waits.js").Refusal} Refusal
 */

const CHECK_INTERVAL_MS = 300_000;
const CHECK_PAUSE_MS = 10_000;
const MAX_QUEUED = 4096;

export class Reader {
  /** @type {State | null} */ state = null;
  /** @type {string | null} The path of the next older page. */ next = null;
  /** @type {LineState} */ line = "connecting";
  /**
   * @type {import("./websocket_transport_and_transport_list.js").Send | undefined} Asks the server to follow or unfollow
   *   another feed; set while the line is live, if its transport can send.
   */
  send;
  /** @type {((message: import("./fold.js").LineMessage) => void) | undefined} Receives the messages of other feeds. */
  other;

  #endpoint;
  #on;
  #connection;
  /** @type {Cursor | null} */ #lineCursor = null;
  /** @type {Message[] | null} */ #queue = null;
  #unloaded = createUnloadedPosts();
  /** @type {(() => void) | null} */ #stopWake = null;
  #loading = new AbortController();
  /** @type {ReturnType<typeof setTimeout> | undefined} */ #checkTimer;
  #lastCheckAt = 0;

  /**
   * @param {string} origin Such as `https://live.example.org`, or `https://news.example/liveblog`.
   * @param {string} feed
   * @param {Listener} on
   * @param {Options} options
   */
  constructor(origin, feed, on, { token = "", from = "", newest = "", env = /** @type {{env?: Environment}} */ (token).env ?? globalThis } = {}) {
    this.#endpoint = { origin, feed: encodeURIComponent(feed), token, from, newest, env };
    this.#on = on;
    const cursor = () => formatCursor(/** @type {Cursor} */ (this.#lineCursor));
    this.#connection = createConnection(this.#endpoint, cursor, {
      message: (message) => this.#receive(message),
      onStopped: () => this.#end(),
      line: (line, send) => this.#setLine(line, send),
      other: (message) => this.other?.(message),
    });
  }

  /**
   * Go live: from `state` (and its `next` page), else from the present state, else from a
   * snapshot.
   * @param {State} [state]
   * @param {string | null} [next]
   */
  start(state, next) {
    if (this.#stopWake) return;
    this.#stopWake = listenForWake(this.#endpoint.env, (online) => {
      if (this.line !== "ended") this.#connection.wake(online);
      else if (Math.abs(Date.now() - this.#lastCheckAt) > CHECK_PAUSE_MS) this.#check();
    });
    if (state) {
      this.state = state;
      this.next = next ?? null;
    }
    if (this.state) {
      this.#lineCursor ??= this.state.cursor;
      if (this.#queue) this.#reset(this.#lineCursor, 0);
      this.#connection.open();
    } else this.#load();
  }

  /** Close the line and keep the state; `start` resumes from it. */
  stop() {
    this.#stopWake?.();
    this.#stopWake = null;
    this.#connection.close();
    this.#loading.abort();
    this.#endpoint.env.clearTimeout(this.#checkTimer);
  }

  /**
   * Load the next older page. Rejects if the server refuses or does not answer.
   * @returns {Promise<void>}
   */
  async older() {
    const { addOlderPage } = await import("./load_and_trim_pages.js");
    return addOlderPage(this, this.#unloaded);
  }

  /**
   * JSON from any path of the hub, with the feed's token. Rejects if the hub refuses or
   * does not answer.
   * @template Answer
   * @param {string} path
   * @returns {Promise<Answer>}
   */
  get(path) {
    return getJson(this.#endpoint, path);
  }

  /**
   * Drop all but the newest posts; `older` loads the others again.
   * @param {number} most How many to keep.
   * @returns {Promise<void>}
   */
  async trim(most) {
    const { trimToNewest } = await import("./load_and_trim_pages.js");
    trimToNewest(this, most);
  }

  /**
   * Hold another state, which no event made: more or fewer posts, or a snapshot.
   * @param {State} state
   * @param {string | null} next
   */
  hold(state, next) {
    this.state = state;
    this.next = next;
    this.#on.change?.(state, null);
  }

  // Messages of the line

  /** @param {import("./fold.js").LineMessage} message */
  #receive(message) {
    const { type, cursor, retry_ms, count } = message;
    if (type === "readers") return this.#on.readers?.(/** @type {number} */ (count));
    if (!cursor) return;
    const at = parseCursor(cursor);
    const before = /** @type {Cursor} */ (this.#lineCursor);
    if (type === "reset") this.#reset(at, usableMs(retry_ms));
    else if (reaches(before, at)) return;
    else if (
      type === "hello" || type === "beat" || at.epoch !== before.epoch || at.seq > before.seq + 1 ||
      (this.#queue && this.#queue.length >= MAX_QUEUED)
    ) this.#reset(at);
    else {
      this.#lineCursor = at;
      const event = /** @type {Message} */ (message);
      if (this.#queue) this.#queue.push(event);
      else this.#apply(event);
    }
  }

  /** @param {Message} message */
  #apply(message) {
    const before = /** @type {State} */ (this.state);
    const state = (this.state = fold(before, message));
    if (state === before) return;
    const { post } = message;
    if (post && !state.posts.has(post.id)) this.#unloaded.note(post);
    this.#on.change?.(state, message);
  }

  // Snapshots

  /**
   * The state can't be continued: load a snapshot, while the line goes on from `at`.
   * @param {Cursor} at
   * @param {number} [spreadMs]
   */
  #reset(at, spreadMs = this.#connection.retryMs) {
    this.#lineCursor = at;
    this.#queue = [];
    this.#load(spreadMs);
  }

  /** The signal of a new load, which ends the one before. */
  #newLoad() {
    this.#loading.abort();
    this.#loading = new AbortController();
    return this.#loading.signal;
  }

  async #load(spreadMs = 0) {
    const signal = this.#newLoad();
    const { env } = this.#endpoint;
    const { state } = this;
    const line = this.#lineCursor;
    // The later of the two: a state never goes back.
    const at = state && line && reaches(state.cursor, line) ? state.cursor : line;
    for (let failures = 0; ; failures += 1) {
      await sleep(env, env.Math.random() * spreadMs, signal);
      if (signal.aborted) return;
      try {
        const loaded = await loadSnapshot(this.#endpoint, at, this.state, this.#unloaded, signal);
        if (!signal.aborted) this.#adopt(loaded);
        return;
      } catch (error) {
        const { code, retryMs } = /** @type {Refusal} */ (error);
        if (signal.aborted) return;
        if (isFinal(code)) return this.#end();
        spreadMs = Math.min(LONGEST_RETRY_MS, this.#connection.retryMs * 2 ** failures);
        await sleep(env, retryMs ?? 0, signal);
        if (!this.#connection.isKept()) this.#setLine("reconnecting");
      }
    }
  }

  /** @param {[State, string | null] | null} loaded Replaces the state; null: the state is as new. */
  #adopt(loaded) {
    const queue = this.#queue ?? [];
    this.#queue = null;
    if (loaded) {
      const before = this.state;
      this.hold(...loaded);
      if (before) this.#on.reset?.();
    }
    const state = /** @type {State} */ (this.state);
    this.#lineCursor ??= state.cursor;
    try {
      for (const message of queue) this.#apply(message);
    } catch (error) {
      if (!(error instanceof Gap)) throw error;
      return this.#reset(this.#lineCursor);
    }
    // A snapshot that is newer than the line moves the line's cursor forward.
    const { cursor, feed } = /** @type {State} */ (this.state);
    if (reaches(cursor, this.#lineCursor)) this.#lineCursor = cursor;
    if (this.line === "ended" && feed.status === "closed") return;
    if (this.#stopWake && !this.#connection.isKept()) this.#connection.open();
  }

  // The end

  #end() {
    this.#connection.close();
    this.#loading.abort();
    this.#setLine(this.state ? "ended" : "gone");
    if (this.state) this.#check();
  }

  /** After its line has ended, a feed is checked now and then: it may be deleted. */
  async #check() {
    const { env } = this.#endpoint;
    this.#lastCheckAt = Date.now();
    env.clearTimeout(this.#checkTimer);
    this.#checkTimer = env.setTimeout(() => this.#check(), CHECK_INTERVAL_MS);
    const signal = this.#newLoad();
    try {
      const loaded = await loadSnapshot(this.#endpoint, null, this.state, this.#unloaded, signal);
      if (signal.aborted || !loaded) return;
      this.#lineCursor = this.#queue = null;
      this.#adopt(loaded);
    } catch (error) {
      if (signal.aborted || !isFinal(/** @type {Refusal} */ (error).code)) return;
      env.clearTimeout(this.#checkTimer);
      this.#setLine("gone");
    }
  }

  /**
   * @param {LineState} line
   * @param {import("./websocket_transport_and_transport_list.js").Send} [send]
   */
  #setLine(line, send) {
    this.send = send;
    if (this.line === line) return;
    this.line = line;
    this.#on.line?.(line);
  }
}
