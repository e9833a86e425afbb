/**
 * Keeps one feed's state current: snapshot, then live from its cursor.
 *
 * Rules:
 * - The line has a place of its own (`#seen`). While a snapshot is awaited, what
 *   arrives is kept; after it, what it already holds is dropped.
 * - A state never goes back within an epoch.
 * - Needs no element and no page: everything of the browser comes in as `env`.
 * @module
 */

import { beyondOf } from "./beyond.js";
import { isFinal } from "./codes.js";
import { LONGEST_MS, connectionOf } from "./connection.js";
import { formatCursor, parseCursor, reaches } from "./cursor.js";
import { getJson, sleep, timeOf } from "./fetch.js";
import { Gap, fold, withPage } from "./fold.js";
import { newestOf, snapshotOf } from "./snapshot.js";
import { onWaking } from "./waking.js";

/**
 * @typedef {import("./fold.js").State} State
 * @typedef {import("./fold.js").Message} Message
 * @typedef {import("./cursor.js").Cursor} Cursor
 * @typedef {"connecting" | "live" | "reconnecting" | "ended" | "gone"} LineState
 * @typedef {{change?: (state: State, message: Message | null) => void,
 *   line?: (state: LineState) => void, readers?: (count: number) => void,
 *   reset?: () => void}} Listener `reset`: what was held has been replaced by a snapshot.
 * @typedef {{token?: string, from?: string, newest?: string, env?: any}} Options `token`:
 *   what reads a private feed. `from`: other posts than the newest (`window.js`). `newest`:
 *   when the newest post of the feed was published, where `from` begins further back.
 *   `env`: what else than the global object gives timers, `fetch` and the rest.
 */

const CHECK_MS = 300_000;
const CHECK_AGAIN_MS = 10_000;
const MOST_KEPT = 4096;

export class Reader {
  /** @type {State | null} */ state = null;
  /** @type {string | null} The path of the next older page. */ next = null;
  /** @type {LineState} */ line = "connecting";
  /**
   * @type {import("./line.js").Send | undefined} Asks the hub to follow or unfollow another
   *   feed, while the line is live and can.
   */
  send;
  /** @type {((message: any) => void) | undefined} Is told what the line says of those. */
  other;

  #hub;
  #on;
  #connection;
  /** @type {Cursor | null} */ #seen = null;
  /** @type {Message[] | null} */ #kept = null;
  #beyond = beyondOf();
  /** @type {(() => void) | null} */ #unwake = null;
  #fetching = new AbortController();
  /** @type {any} */ #checking;
  #checked = 0;

  /**
   * @param {string} origin Such as `https://live.example.org`, or `https://news.example/liveblog`.
   * @param {string} feed
   * @param {Listener} on
   * @param {Options} options
   */
  constructor(origin, feed, on, { token = "", from = "", newest = "", env = globalThis } = {}) {
    this.#hub = { origin, feed: encodeURIComponent(feed), token, from, newest, env };
    this.#on = on;
    const place = () => formatCursor(/** @type {Cursor} */ (this.#seen));
    this.#connection = connectionOf(this.#hub, place, {
      message: (message) => this.#take(message),
      stopped: () => this.#finish(),
      line: (line, send) => this.#say(line, send),
      other: (message) => this.other?.(message),
    });
  }

  /**
   * Go live: from `state` (and its `next` page), from what is held, or from a snapshot.
   * @param {State} [state]
   * @param {string | null} [next]
   */
  start(state, next) {
    if (this.#unwake) return;
    this.#unwake = onWaking(this.#hub.env, (online) => {
      if (this.line !== "ended") this.#connection.wake(online);
      else if (Math.abs(Date.now() - this.#checked) > CHECK_AGAIN_MS) this.#check();
    });
    if (state) {
      this.state = state;
      this.next = next ?? null;
    }
    if (this.state) {
      this.#seen ??= this.state.cursor;
      if (this.#kept) this.#reset(this.#seen, 0);
      this.#connection.open();
    } else this.#resync();
  }

  /** Close the line. What is held stays; `start` goes on from there. */
  stop() {
    this.#unwake?.();
    this.#unwake = null;
    this.#connection.close();
    this.#fetching.abort();
    this.#hub.env.clearTimeout(this.#checking);
  }

  /**
   * Load the next older page. Rejects if it can't be had now.
   * @returns {Promise<void>}
   */
  async older() {
    const path = this.next;
    if (!this.state || !path) return;
    const page = await getJson(this.#hub, path);
    if (this.next !== path) return;
    this.state = this.#beyond.over(withPage(this.state, page));
    this.next = page.next;
    this.#on.change?.(this.state, null);
  }

  /**
   * What the hub has at a path, read as the feed is. Rejects if it can't be had now.
   * @param {string} path
   * @returns {Promise<any>}
   */
  get(path) {
    return getJson(this.#hub, path);
  }

  /**
   * Let go of what is older than the newest so many; `older` brings it back.
   * @param {number} most
   * @returns {boolean} Whether there was any.
   */
  trim(most) {
    const { state } = this;
    if (!state || state.posts.size <= most) return false;
    [this.state, this.next] = newestOf(state, this.#hub.feed, most);
    this.#on.change?.(this.state, null);
    return true;
  }

  // What the line says

  /** @param {any} message */
  #take(message) {
    const { type, cursor, retry_ms, count } = message;
    if (type === "readers") return this.#on.readers?.(count);
    if (!cursor) return;
    const at = parseCursor(cursor);
    const seen = /** @type {Cursor} */ (this.#seen);
    if (type === "reset") this.#reset(at, timeOf(retry_ms));
    else if (reaches(seen, at)) return;
    else if (
      type === "hello" || type === "beat" || at.epoch !== seen.epoch || at.seq > seen.seq + 1 ||
      (this.#kept && this.#kept.length >= MOST_KEPT)
    ) this.#reset(at);
    else {
      this.#seen = at;
      if (this.#kept) this.#kept.push(message);
      else this.#apply(message);
    }
  }

  /** @param {Message} message */
  #apply(message) {
    const before = /** @type {State} */ (this.state);
    const state = (this.state = fold(before, message));
    if (state === before) return;
    const { post } = message;
    if (post && !state.posts.has(post.id)) this.#beyond.note(post);
    this.#on.change?.(state, message);
  }

  // Snapshots

  /**
   * What is held can't be continued; the line goes on from `at`.
   * @param {Cursor} at
   * @param {number} [spreadMs]
   */
  #reset(at, spreadMs = this.#connection.retryMs) {
    this.#seen = at;
    this.#kept = [];
    this.#resync(spreadMs);
  }

  /** Ends with the next question, and with the reader. */
  #asking() {
    this.#fetching.abort();
    this.#fetching = new AbortController();
    return this.#fetching.signal;
  }

  async #resync(spreadMs = 0) {
    const signal = this.#asking();
    const { env } = this.#hub;
    const held = this.state;
    // The later of the two: a state never goes back.
    const at = held && this.#seen && reaches(held.cursor, this.#seen) ? held.cursor : this.#seen;
    for (let tries = 0; ; tries += 1) {
      await sleep(env, env.Math.random() * spreadMs, signal);
      if (signal.aborted) return;
      try {
        const found = await snapshotOf(this.#hub, at, this.state, this.#beyond, signal);
        if (!signal.aborted) this.#adopt(found);
        return;
      } catch (/** @type {any} */ error) {
        if (signal.aborted) return;
        if (isFinal(error.code)) return this.#finish();
        spreadMs = Math.min(LONGEST_MS, this.#connection.retryMs * 2 ** tries);
        await sleep(env, error.retryMs ?? 0, signal);
        if (!this.#connection.isKept()) this.#say("reconnecting");
      }
    }
  }

  /** @param {[State, string | null] | null} found What takes the place of what is held. */
  #adopt(found) {
    const kept = this.#kept ?? [];
    this.#kept = null;
    if (found) {
      const held = this.state;
      [this.state, this.next] = found;
      if (held) this.#on.reset?.();
      this.#on.change?.(this.state, null);
    }
    const state = /** @type {State} */ (this.state);
    this.#seen ??= state.cursor;
    try {
      for (const message of kept) this.#apply(message);
    } catch (error) {
      if (!(error instanceof Gap)) throw error;
      return this.#reset(this.#seen);
    }
    // What the snapshot held already brings the line's place forward.
    const { cursor, feed } = /** @type {State} */ (this.state);
    if (reaches(cursor, this.#seen)) this.#seen = cursor;
    const ended = this.line === "ended" && feed.status === "closed";
    if (this.#unwake && !this.#connection.isKept() && !ended) this.#connection.open();
  }

  // The end

  #finish() {
    this.#connection.close();
    this.#fetching.abort();
    this.#say(this.state ? "ended" : "gone");
    if (this.state) this.#check();
  }

  /** A feed whose line has ended is asked for now and then: it may be taken down. */
  async #check() {
    const { env } = this.#hub;
    this.#checked = Date.now();
    env.clearTimeout(this.#checking);
    this.#checking = env.setTimeout(() => this.#check(), CHECK_MS);
    const signal = this.#asking();
    try {
      const found = await snapshotOf(this.#hub, null, this.state, this.#beyond, signal);
      if (signal.aborted || !found) return;
      this.#seen = this.#kept = null;
      this.#adopt(found);
    } catch (/** @type {any} */ error) {
      if (signal.aborted || !isFinal(error.code)) return;
      env.clearTimeout(this.#checking);
      this.#say("gone");
    }
  }

  /**
   * @param {LineState} line
   * @param {import("./line.js").Send} [send]
   */
  #say(line, send) {
    this.send = send;
    if (this.line === line) return;
    this.line = line;
    this.#on.line?.(line);
  }
}
