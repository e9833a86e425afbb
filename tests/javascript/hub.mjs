// A hub in one file, for the reader's tests: a log, three transports, a clock.
//
// Nothing happens by itself: time passes when `env.pass(ms)` says so, and `settle`
// lets promises and streams run out. To add a fault, add it to `Hub.fault`.
import { setImmediate as immediate } from "node:timers/promises";

// Loaded before: the reader imports them on demand, which takes real time.
import "../../client_demo/stop-press/http_transports.js";
import "../../client_demo/stop-press/load_and_trim_pages.js";

export const settle = async (turns = 12) => {
  for (let turn = 0; turn < turns; turn += 1) await immediate();
};

/** Random numbers that a seed repeats (mulberry32). */
export function seeded(seed) {
  return () => {
    seed = (seed + 0x6d2b79f5) | 0;
    let t = Math.imul(seed ^ (seed >>> 15), 1 | seed);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** What a browser gives a reader, with a clock that stands still. */
export class Env extends EventTarget {
  constructor(hub, random = Math.random) {
    super();
    this.now = 1_795_339_800_000;
    this.timers = new Map();
    this.ids = 0;
    this.warnings = [];
    this.Math = { random };
    this.console = { warn: (...words) => this.warnings.push(words.join(" ")) };
    this.document = Object.assign(new EventTarget(), { hidden: false });
    this.fetch = (url, options) => hub.fetch(new URL(url), options);
    this.WebSocket = class extends Socket {
      constructor(url) {
        super(hub, new URL(url));
      }
    };
    Date.now = () => this.now;
  }

  setTimeout = (act, ms = 0) => {
    this.timers.set((this.ids += 1), { at: this.now + ms, act });
    return this.ids;
  };

  clearTimeout = (id) => this.timers.delete(id);

  /** Let `ms` pass, each timer at its own moment. */
  async pass(ms) {
    const end = this.now + ms;
    for (;;) {
      await settle();
      const [next] = [...this.timers].sort((a, b) => a[1].at - b[1].at);
      if (!next || next[1].at > end) break;
      this.timers.delete(next[0]);
      this.now = Math.max(this.now, next[1].at);
      next[1].act();
    }
    this.now = end;
  }
}

class Socket {
  constructor(hub, url) {
    this.hub = hub;
    hub.asked.push(`ws ${url.search}`);
    hub.tokens.push(url.searchParams.get("token"));
    const cursor = url.searchParams.get("feed").split("@")[1];
    queueMicrotask(() => {
      if (hub.down || hub.fault.has("ws")) return this.onclose?.({ code: 1006 });
      if (hub.refuse) return this.onclose?.({ code: hub.refuse });
      this.line = hub.follow(cursor, {
        send: (message) => this.onmessage?.({ data: JSON.stringify(message) }),
        raw: (data) => this.onmessage?.({ data }),
        end: (code) => this.onclose?.({ code }),
      });
    });
  }

  close() {
    this.hub.lines.delete(this.line);
  }
}

const json = (value, status = 200, headers = {}) =>
  new Response(status === 204 ? null : JSON.stringify(value), { status, headers });

export class Hub {
  fault = new Set();
  down = false;
  refuse = 0;
  asked = [];
  /** What each of them brought. */
  tokens = [];
  lines = new Set();
  pageSize = 5;

  constructor(epoch = "k3v9") {
    this.begin(epoch);
  }

  /** A new log; the posts are as they are. */
  begin(epoch) {
    this.epoch = epoch;
    this.events = [];
    this.first = 1;
    this.posts ??= new Map();
    this.feed ??= { slug: "x", status: "live", title: "One" };
  }

  get seq() {
    return this.first + this.events.length - 1;
  }

  get cursor() {
    return `${this.epoch}-${this.seq}`;
  }

  ordered() {
    const key = ({ published_at, id }) => published_at + id;
    return [...this.posts.values()].sort((a, b) => (key(a) < key(b) ? 1 : -1));
  }

  pinned() {
    return [...this.posts.values()].find((post) => post.pinned) ?? null;
  }

  /** One change: kept, numbered, sent. */
  write(type, value) {
    if (type === "feed.updated") this.feed = value;
    else if (type === "post.withdrawn") this.posts.delete(value.id);
    else this.posts.set(value.id, value);
    const seq = this.seq + 1;
    this.events.push({ type, id: value.id, seq });
    for (const line of this.lines) line.send(this.message(this.events.at(-1)));
  }

  publish(id, published_at, more = {}) {
    this.write("post.published", { id, published_at, pinned: false, rev: 1, ...more });
  }

  message({ type, id, seq }) {
    const head = { feed: "x", cursor: `${this.epoch}-${seq}`, at: "" };
    if (type === "feed.updated") return { type, ...head, value: this.feed };
    const post = this.posts.get(id);
    return post ? { type, ...head, post } : { type: "post.withdrawn", ...head, post: { id } };
  }

  since(cursor) {
    const [epoch, text] = cursor.split("-");
    const seq = Number(text);
    if (epoch !== this.epoch || seq > this.seq || seq < this.first - 1) return null;
    return this.events.slice(seq - this.first + 1).map((event) => this.message(event));
  }

  follow(cursor, line) {
    const missed = this.since(cursor);
    this.lines.add(line);
    const rest = { feed: "x", retry_ms: 4000 };
    if (missed) {
      line.send({ type: "hello", ...rest, cursor, resumed: true, beat: 25 });
      missed.forEach(line.send);
    } else line.send({ type: "reset", ...rest, cursor: this.cursor });
    return line;
  }

  beat() {
    for (const line of this.lines) line.send({ type: "beat", feed: "x", cursor: this.cursor });
  }

  /** End every line, with a word or without. */
  cut(code = 1006) {
    const lines = [...this.lines];
    this.lines.clear();
    for (const line of lines) line.end(code);
  }

  async fetch(url, { signal, headers } = {}) {
    this.asked.push(`get ${url.pathname}${url.search}`);
    this.tokens.push(headers?.authorization?.replace(/^Bearer /, "") ?? null);
    await immediate();
    // As a browser's: a question taken back before its answer opens no line.
    signal?.throwIfAborted();
    if (this.down) throw new TypeError("network");
    const { pathname, searchParams: query } = url;
    if (pathname === "/v1/feeds/x/events") return this.#events(query, headers.accept, signal);
    if (this.refuse) return json({}, this.refuse === 4410 ? 404 : this.refuse - 4000);
    if (this.fault.has("snapshot")) return json({}, 503, { "retry-after": "1" });
    const before = query.get("before");
    const all = this.ordered();
    const [ms, mark] = before === null ? [] : atob(before).split(".");
    const under = mark && new Date(Number(ms)).toISOString() + mark;
    const from = mark ? all.findIndex(({ published_at, id }) => published_at + id < under) : 0;
    const posts = from < 0 ? [] : all.slice(from, from + this.pageSize);
    const last = posts.at(-1);
    const more = last && all.at(-1) !== last;
    const place = more && btoa(`${Date.parse(last.published_at)}.${last.id}`);
    const next = more ? `/v1/feeds/x/posts?before=${place}` : null;
    if (before !== null) return json({ posts, next });
    const at = query.get("at")?.split("-");
    if (at && (at[0] !== this.epoch || Number(at[1]) > this.seq)) {
      return json({}, 503, { "retry-after": "1" });
    }
    return json({ feed: this.feed, cursor: this.cursor, posts, pinned: this.pinned(), next });
  }

  async #events(query, accept, signal) {
    const stream = accept === "text/event-stream";
    if (this.fault.has(stream ? "sse" : "poll")) throw new TypeError("blocked");
    if (this.refuse) return json({}, this.refuse === 4410 ? 204 : this.refuse - 4000);
    const since = query.get("since");
    if (stream) {
      const body = new ReadableStream({
        start: (out) => {
          const line = this.follow(since, {
            // In two pieces, cut anywhere: a reader must not care.
            send: (message) => {
              const bytes = new TextEncoder().encode(
                `event: ${message.type}\ndata: ${JSON.stringify(message)}\n\n`,
              );
              const cut = bytes.length >> 1;
              out.enqueue(bytes.slice(0, cut));
              out.enqueue(bytes.slice(cut));
            },
            end: () => out.close(),
          });
          signal.addEventListener("abort", () => {
            if (this.lines.delete(line)) out.error(signal.reason);
          });
        },
      });
      return new Response(body);
    }
    const missed = this.since(since);
    if (!missed) return json({ reset: true, cursor: this.cursor, retry_ms: 3000 });
    if (missed.length || query.get("wait") === "0") {
      return json({ cursor: this.cursor, events: missed });
    }
    return new Promise((answer, fail) => {
      const done = (events) => {
        this.lines.delete(line);
        answer(json({ cursor: this.cursor, events }));
      };
      const line = {
        send: (message) => done(message.type === "beat" ? [] : [message]),
        end: () => fail(new TypeError("cut")),
      };
      this.lines.add(line);
      signal.addEventListener("abort", () => {
        this.lines.delete(line);
        fail(signal.reason);
      });
    });
  }
}
