/**
 * Keeps one feed's state current: snapshot, then live from its cursor.
 *
 * Rules:
 * - The line has a place of its own (`#seen`). While a snapshot is awaited, what
 *   arrives is kept; after it, what it already holds is dropped.
 * - A state never goes back within an epoch.
 * - Returns are spread as the server says: never all at once.
 * - Needs no element and no page: everything of the browser comes in as `env`.
 * @module
 */

import { BROKEN, CODES, isFinal } from "./codes.js";
import { formatCursor, parseCursor, reaches } from "./cursor.js";
import { Beyond } from "./beyond.js";
import { getJson, sleep } from "./fetch.js";
import { Gap, fold, fromSnapshot, isBelow, withPage } from "./fold.js";
import { LINES } from "./line.js";

/**
 * @typedef {import("./fold.js").State} State
 * @typedef {import("./fold.js").Message} Message
 * @typedef {import("./fold.js").Page} Page
 * @typedef {import("./cursor.js").Cursor} Cursor
 * @typedef {"connecting" | "live" | "reconnecting" | "ended" | "gone"} LineState
 * @typedef {{change?: (state: State, message: Message | null) => void,
 *   line?: (state: LineState) => void, readers?: (count: number) => void,
 *   reset?: () => void}} Listener `reset`: what was held is replaced by a snapshot.
 */

const OPEN_MS = 10_000;
const LONGEST_MS = 30_000;
const CHECK_MS = 300_000;
const CHECK_AGAIN_MS = 10_000;
const MOST_KEPT = 4096;
const MOST_PAGES = 10;

export class Reader {
  /** @type {State | null} */ state = null;
  /** @type {string | null} The path of the next older page. */ next = null;
  /** @type {LineState} */ line = "connecting";

  #origin;
  #feed;
  #on;
  #env;
  /** @type {Cursor | null} */ #seen = null;
  /** @type {Message[] | null} */ #kept = null;
  #beyond = new Beyond();
  /** @type {(() => void) | null} */ #close = null;
  /** @type {any} */ #watch;
  /** @type {any} */ #retry;
  #fetching = new AbortController();
  #rung = 0;
  /** @type {number | null} The line that worked last. */ #good = null;
  #greeted = false;
  #tries = 0;
  #running = false;
  #retryMs = 4000;
  #beatMs = 25_000;
  #heard = 0;
  #checked = 0;

  /**
   * @param {string} origin Such as `https://live.example.org`.
   * @param {string} feed
   * @param {Listener} on
   * @param {any} env
   */
  constructor(origin, feed, on, env = globalThis) {
    this.#origin = origin;
    this.#feed = encodeURIComponent(feed);
    this.#on = on;
    this.#env = env;
  }

  /**
   * Go live: from `state` (and its `next` page), from what is held, or from a snapshot.
   * @param {State} [state]
   * @param {string | null} [next]
   */
  start(state, next) {
    if (this.#running) return;
    this.#running = true;
    for (const [target, name] of this.#signals()) target?.addEventListener?.(name, this.#wake);
    if (state) {
      this.state = state;
      this.next = next ?? null;
    }
    if (this.state) {
      this.#seen ??= this.state.cursor;
      if (this.#kept) this.#reset(formatCursor(this.#seen), 0);
      this.#open();
    } else {
      this.#resync();
    }
  }

  /** Close the line. What is held stays; `start` goes on from there. */
  stop() {
    this.#running = false;
    for (const [target, name] of this.#signals()) target?.removeEventListener?.(name, this.#wake);
    this.#drop();
    this.#fetching.abort();
  }

  /**
   * Load the next older page. Rejects if it can't be had now.
   * @returns {Promise<void>}
   */
  async older() {
    if (!this.state || !this.next) return;
    const path = this.next;
    const page = this.#beyond.over(await this.#get(path));
    if (this.next !== path || !this.state) return;
    this.state = withPage(this.state, page);
    this.next = page.next;
    this.#on.change?.(this.state, null);
  }

  // The line

  #open() {
    this.#drop();
    this.#greeted = false;
    this.#say(this.#good === null ? "connecting" : "reconnecting");
    this.#listen(OPEN_MS);
    const cursor = formatCursor(/** @type {Cursor} */ (this.#seen));
    let mine = true;
    const wish = { origin: this.#origin, feed: this.#feed, cursor, env: this.#env };
    try {
      const close = LINES[this.#rung](wish, {
        message: (message) => mine && this.#message(message),
        end: (code, ms) => mine && this.#ended(code, ms),
      });
      this.#close = () => {
        mine = false;
        close();
      };
    } catch {
      // Such as a page whose policy forbids sockets: the next line may work.
      this.#ended(BROKEN);
    }
  }

  #drop() {
    this.#env.clearTimeout(this.#watch);
    this.#env.clearTimeout(this.#retry);
    this.#close?.();
    this.#close = null;
    this.#retry = undefined;
  }

  /** @param {number} ms */
  #listen(ms) {
    this.#heard = Date.now();
    this.#env.clearTimeout(this.#watch);
    this.#watch = this.#env.setTimeout(() => this.#ended(BROKEN), ms);
  }

  /** @param {any} message */
  #message(message) {
    try {
      this.#take(message);
    } catch (error) {
      this.#env.console?.warn("stop-press: the line is broken:", error);
      this.#ended(BROKEN);
    }
  }

  /** @param {any} message */
  #take(message) {
    const { type, cursor, retry_ms } = message;
    if (type === "bye") return this.#ended(CODES.BYE, retry_ms);
    if (type === "error") return this.#ended(message.code);
    if (type === "hello") {
      this.#beatMs = message.beat * 1000;
      this.#retryMs = retry_ms;
    }
    this.#listen(this.#beatMs * 2 + 2000);
    if (!this.#greeted) {
      this.#greeted = true;
      this.#good = this.#rung;
      this.#tries = 0;
      this.#say("live");
    }
    if (type === "readers") return this.#on.readers?.(message.count);
    if (!cursor) return;
    const at = parseCursor(cursor);
    const seen = /** @type {Cursor} */ (this.#seen);
    if (type === "reset") this.#reset(cursor, retry_ms);
    else if (type === "hello" || type === "beat") {
      if (!reaches(seen, at)) this.#reset(cursor, this.#retryMs);
    } else this.#event(message, at, seen);
  }

  /**
   * @param {Message} message
   * @param {Cursor} at
   * @param {Cursor} seen
   */
  #event(message, at, seen) {
    if (reaches(seen, at)) return;
    const follows = at.epoch === seen.epoch && at.seq === seen.seq + 1;
    if (!follows || (this.#kept && this.#kept.length >= MOST_KEPT)) {
      return this.#reset(message.cursor, this.#retryMs);
    }
    this.#seen = at;
    if (this.#kept) this.#kept.push(message);
    else this.#apply(message);
  }

  /** @param {Message} message */
  #apply(message) {
    const before = /** @type {State} */ (this.state);
    const state = (this.state = fold(before, message));
    if (state === before) return;
    const { post } = message;
    if (post && !state.posts.has(post.id)) {
      this.#beyond.note(post);
    }
    this.#on.change?.(state, message);
  }

  /**
   * A line ended: stop, or come back when the server wants it.
   * @param {number} code
   * @param {number} [ms] When to come back; else it is drawn here.
   */
  #ended(code, ms) {
    this.#drop();
    if (!this.#running) return;
    if (isFinal(code)) return this.#finish(code);
    const { random } = this.#env.Math ?? Math;
    this.#tries += 1;
    let span = Math.min(LONGEST_MS, this.#retryMs * 2 ** (this.#tries - 1));
    // A line that never spoke may be blocked on the way; one that refused is not.
    if (!this.#greeted && code < 4000) {
      const ladder = this.#good === null || this.#tries > 2;
      if (ladder) this.#rung = (this.#rung + 1) % LINES.length;
      if (this.#good === null && this.#tries < LINES.length) span = 300;
    }
    if (this.#good !== null || this.#tries >= LINES.length) this.#say("reconnecting");
    // A time that was named is kept, and a little more: others may have been told the same.
    const wait = ms === undefined ? random() * span : ms * (1 + random() / 4);
    this.#retry = this.#env.setTimeout(() => this.#open(), wait);
  }

  // Snapshots

  /**
   * What is held can't be continued; the line goes on from `cursor`.
   * @param {string} cursor
   * @param {number} spreadMs
   */
  #reset(cursor, spreadMs) {
    this.#seen = parseCursor(cursor);
    this.#kept = [];
    this.#resync(spreadMs);
  }

  async #resync(spreadMs = 0) {
    this.#fetching.abort();
    const { signal } = (this.#fetching = new AbortController());
    const { random } = this.#env.Math ?? Math;
    const held = this.state?.cursor;
    let at = this.#seen;
    if (at && held && reaches(held, at)) at = held;
    const path = `/v1/feeds/${this.#feed}${at ? `?at=${formatCursor(at)}` : ""}`;
    for (let tries = 0; ; tries += 1) {
      await sleep(this.#env, random() * spreadMs, signal);
      if (signal.aborted) return;
      try {
        const snapshot = await this.#get(path, signal);
        if (at && !reaches(parseCursor(snapshot.cursor), at)) throw new Error("too old");
        const [state, next] = await this.#downToFloor(snapshot, signal);
        if (!signal.aborted) this.#adopt(state, next);
        return;
      } catch (/** @type {any} */ error) {
        if (signal.aborted) return;
        if (isFinal(error.code)) return this.#finish(error.code);
        spreadMs = Math.min(LONGEST_MS, this.#retryMs * 2 ** tries);
        await sleep(this.#env, error.retryMs ?? 0, signal);
        if (!this.#close) this.#say("reconnecting");
      }
    }
  }

  /**
   * The snapshot, and the pages the reader had loaded below it.
   * @param {import("./fold.js").Snapshot} snapshot
   * @param {AbortSignal} [signal]
   * @returns {Promise<[State, string | null]>}
   */
  async #downToFloor(snapshot, signal) {
    const held = this.state;
    let state = fromSnapshot(snapshot);
    let { next } = snapshot;
    if (held?.cursor.epoch !== state.cursor.epoch) this.#beyond.clear();
    for (let pages = 0; held && next && pages < MOST_PAGES; pages += 1) {
      const below = !held.floor || isBelow(held.floor, /** @type {any} */ (state.floor));
      if (!held.posts.size || !below) break;
      const page = this.#beyond.over(await this.#get(next, signal));
      state = withPage(state, page);
      next = page.next;
    }
    return [state, next];
  }

  /**
   * @param {State} state
   * @param {string | null} next
   */
  #adopt(state, next) {
    if (this.state) this.#on.reset?.();
    const kept = this.#kept ?? [];
    this.#kept = null;
    this.#seen ??= state.cursor;
    this.state = state;
    this.next = next;
    this.#on.change?.(state, null);
    try {
      for (const message of kept) this.#apply(message);
    } catch (error) {
      if (!(error instanceof Gap)) throw error;
      return this.#reset(formatCursor(this.#seen), this.#retryMs);
    }
    // What the snapshot held already brings the line's place forward.
    if (reaches(this.state.cursor, this.#seen)) this.#seen = this.state.cursor;
    if (this.#running && !this.#close && !this.#retry) this.#open();
  }

  /**
   * @param {string} path
   * @param {AbortSignal} [signal]
   */
  #get(path, signal) {
    return getJson(this.#env, this.#origin + path, signal);
  }

  // The end, and waking up

  /** @param {number} code */
  #finish(code) {
    this.#drop();
    this.#fetching.abort();
    if (code === CODES.BAD_REQUEST) this.#env.console?.warn("stop-press: refused as malformed");
    this.#say("ended");
    if (this.state) this.#check();
    else this.#say("gone");
  }

  /** A feed whose line has ended is asked for now and then: it may be taken down. */
  async #check() {
    this.#checked = Date.now();
    this.#env.clearTimeout(this.#watch);
    this.#watch = this.#env.setTimeout(() => this.#check(), CHECK_MS);
    const { signal } = (this.#fetching = new AbortController());
    try {
      const snapshot = await this.#get(`/v1/feeds/${this.#feed}`, signal);
      const cursor = parseCursor(snapshot.cursor);
      const held = /** @type {State} */ (this.state).cursor;
      if (signal.aborted || reaches(held, cursor)) return;
      const [state, next] = await this.#downToFloor(snapshot, signal);
      if (signal.aborted) return;
      this.#kept = null;
      this.#seen = state.cursor;
      this.state = state;
      this.next = next;
      this.#on.change?.(state, null);
      if (state.feed.status !== "closed") this.#open();
    } catch (/** @type {any} */ error) {
      if (!signal.aborted && isFinal(error.code)) {
        this.#env.clearTimeout(this.#watch);
        this.#say("gone");
      }
    }
  }

  #signals() {
    const { document } = this.#env;
    return /** @type {[any, string][]} */ ([
      [this.#env, "online"],
      [this.#env, "pageshow"],
      [this.#env, "focus"],
      [document, "visibilitychange"],
    ]);
  }

  /** The tab is looked at again, or the network is back. */
  #wake = (/** @type {{type: string}} */ { type }) => {
    if (this.#env.document?.hidden) return;
    const quietMs = Date.now() - this.#heard;
    if (this.line === "ended") {
      if (Date.now() - this.#checked > CHECK_AGAIN_MS) this.#check();
    } else if (this.#retry !== undefined && (type === "online" || quietMs > CHECK_AGAIN_MS)) {
      // Many may wake at once: still spread, but soon.
      const { random } = this.#env.Math ?? Math;
      this.#drop();
      if (type === "online") this.#rung = 0;
      this.#retry = this.#env.setTimeout(() => this.#open(), random() * 1000);
    } else if (this.#close && this.#greeted && quietMs > this.#beatMs * 1.2) {
      // The machine slept: the line may be dead without knowing.
      this.#open();
    }
  };

  /** @param {LineState} line */
  #say(line) {
    if (this.line === line) return;
    this.line = line;
    this.#on.line?.(line);
  }
}
