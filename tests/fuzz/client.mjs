// The page's reader against a hub that mostly tells the truth, and often babbles.
//
//     node client.mjs SEED FIRST SESSIONS INPUTS
//
// A session is one reader and so many inputs: messages of the line, bent, on each of the
// three transports, and bent answers to what it fetches. Holds: nothing is thrown to the
// browser, no promise is left to fail, it keeps at most one line and a few timers, each
// with a time that is one; it never goes back within an epoch; and once the hub tells
// the truth again, it holds what the hub holds. Prints one line of JSON a hundred
// sessions: what was seen, and the memory held.
import { setImmediate as immediate } from "node:timers/promises";

import { Reader } from "../../client_demo/stop-press/client.js";
import { formatCursor } from "../../client_demo/stop-press/cursor.js";
import { ordered } from "../../client_demo/stop-press/fold.js";
import { seeded } from "../javascript/hub.mjs";

const ODD = [
  null, true, 0, -1, 1e308, 2 ** 53, "", " ", "\u0000", "\ud800", "x".repeat(5000), [], {}, [[]],
  { id: null }, "k3v9-9007199254740992", "k3v9-0", "zz-1", "-", "k3v9--1",
];
const LINES = ["socket", "stream", "poll"];
const FINAL = [4400, 4401, 4403, 4404, 4410];

class Session {
  constructor(seed) {
    this.random = seeded(seed);
    this.epoch = "k3v9";
    this.seq = 0;
    this.posts = new Map();
    this.now = 1_795_339_800_000;
    this.timers = new Map();
    this.ids = 0;
    this.open = new Set();
    this.seen = {};
    this.truth = false;
    this.place = null;
    this.transport = this.one(LINES);
    this.env = this.environment();
    Date.now = () => this.now;
  }

  pick(n) {
    return Math.floor(this.random() * n);
  }

  one(list) {
    return list[this.pick(list.length)];
  }

  count(name) {
    this.seen[name] = (this.seen[name] ?? 0) + 1;
  }

  environment() {
    const session = this;
    return {
      Math: { random: this.random },
      console: { warn: () => this.count("warned") },
      document: Object.assign(new EventTarget(), { hidden: false }),
      addEventListener() {},
      removeEventListener() {},
      setTimeout: (act, ms = 0) => {
        if (!(ms >= 0 && ms < 2 ** 31)) throw new Broken(`a timer of ${ms} ms`);
        this.timers.set((this.ids += 1), { at: this.now + ms, act });
        if (this.timers.size > 10) throw new Broken(`${this.timers.size} timers`);
        return this.ids;
      },
      clearTimeout: (id) => this.timers.delete(id),
      fetch: (url, options) => this.fetch(new URL(url), options),
      WebSocket: class {
        constructor() {
          if (session.transport !== "socket") throw new Error("blocked");
          this.line = { say: (text) => this.onmessage?.({ data: text }), end: (code) => this.onclose?.({ code }) };
          session.opened(this.line);
        }
        close() {
          session.open.delete(this.line);
        }
      },
    };
  }

  opened(line) {
    this.open.add(line);
    if (this.open.size > 1) throw new Broken(`${this.open.size} lines at once`);
    line.greeted = false;
  }

  // What the hub knows, and says truly

  write() {
    this.seq += 1;
    const id = `p${this.pick(30)}`;
    const type = this.one(["post.published", "post.updated", "post.withdrawn", "feed.updated", "post.liked"]);
    const head = { type, feed: "x", cursor: `${this.epoch}-${this.seq}`, at: "" };
    if (type === "feed.updated") return { ...head, value: this.feed = { slug: "x", title: `t${this.seq}` } };
    if (type === "post.liked") return head;
    if (type === "post.withdrawn") {
      this.posts.delete(id);
      return { ...head, post: { id } };
    }
    const minute = String(this.pick(60)).padStart(2, "0");
    const post = { id, published_at: `2026-11-24T10:${minute}:00.000Z`, pinned: false, rev: this.seq };
    this.posts.set(id, post);
    return { ...head, post };
  }

  get cursor() {
    return `${this.epoch}-${this.seq}`;
  }

  snapshot() {
    const key = ({ published_at, id }) => published_at + id;
    const posts = [...this.posts.values()].sort((a, b) => (key(a) < key(b) ? 1 : -1));
    return { feed: this.feed ?? { slug: "x" }, cursor: this.cursor, posts, pinned: null, next: null };
  }

  hello(resumed = true) {
    const beat = this.one([5, 25]);
    if (!resumed) return { type: "reset", feed: "x", cursor: this.cursor, retry_ms: 3000 };
    return { type: "hello", feed: "x", cursor: this.cursor, resumed, beat, retry_ms: 4000 };
  }

  // What it says instead

  bend(value, depth = 0) {
    if (value === null || typeof value !== "object" || depth > 4 || !this.pick(5)) return this.one(ODD);
    const names = Object.keys(value);
    if (!names.length) return this.one(ODD);
    const name = this.one(names);
    const copy = Array.isArray(value) ? [...value] : { ...value };
    if (!this.pick(4)) delete copy[name];
    else copy[name] = this.bend(value[name], depth + 1);
    return copy;
  }

  bent(value) {
    let text = JSON.stringify(this.pick(4) ? this.bend(value) : value) ?? "";
    if (this.pick(3)) return text;
    const at = this.pick(text.length + 1);
    const piece = this.one(["", "{", '"', "\n\n", "\ndata: ", "\u0000", text.slice(0, 40)]);
    text = text.slice(0, at) + piece + text.slice(at + this.pick(9));
    return text;
  }

  async fetch(url, { signal, headers } = {}) {
    await null;
    if (signal?.aborted) throw signal.reason;
    if (url.pathname.endsWith("/events")) {
      const stream = headers?.accept === "text/event-stream";
      if (this.transport !== (stream ? "stream" : "poll")) throw new TypeError("blocked");
      return stream ? this.stream(signal) : this.poll(signal, url.searchParams.get("wait"));
    }
    this.count("snapshots");
    if (this.truth || this.pick(3)) return new Response(JSON.stringify(this.snapshot()));
    const how = this.pick(5);
    if (how === 0) throw new TypeError("network");
    if (how === 1) return new Response("{}", { status: this.one([503, 500, 429]), headers: { "retry-after": this.one(["1", "x", "-5", "9e9"]) } });
    return new Response(this.bent(this.snapshot()));
  }

  stream(signal) {
    let out;
    const body = new ReadableStream({ start: (control) => (out = control) });
    const line = {
      say: (text) => out.enqueue(new TextEncoder().encode(`event: x\ndata: ${text}\n\n`)),
      end: () => {
        this.open.delete(line);
        out.close();
      },
    };
    signal.addEventListener("abort", () => {
      this.open.delete(line);
      try {
        out.error(signal.reason);
      } catch {}
    });
    this.opened(line);
    return new Response(body);
  }

  async poll(signal, wait) {
    if (wait === "0") return new Response(JSON.stringify({ cursor: this.asked ?? this.cursor, events: [] }));
    return new Promise((answer, fail) => {
      const over = (tell) => (value) => {
        this.open.delete(line);
        signal.removeEventListener("abort", aborted);
        tell(value);
      };
      const line = {
        say: over((text) => answer(new Response(text))),
        end: over(() => fail(new TypeError("cut"))),
        polls: true,
      };
      const aborted = over(() => fail(signal.reason));
      signal.addEventListener("abort", aborted);
      this.opened(line);
    });
  }

  // What happens

  started() {
    const check = (state) => {
      const at = state.cursor;
      if (this.place && at.epoch === this.place.epoch && at.seq < this.place.seq) {
        throw new Broken(`back from ${formatCursor(this.place)} to ${formatCursor(at)}`);
      }
      this.place = at;
    };
    this.reader = new Reader("http://hub", "x", { change: check }, { env: this.env });
    this.reader.start();
  }

  /** Let promises settle, and where nothing is open the next timer go off. */
  async turn() {
    await this.settled();
    if (this.open.size) return;
    this.pass();
    await immediate();
  }

  async settled() {
    for (let turn = 0; turn < 3; turn += 1) await immediate();
  }

  /** The next timer goes off. */
  pass() {
    const [next] = [...this.timers].sort((a, b) => a[1].at - b[1].at);
    if (!next) return;
    this.timers.delete(next[0]);
    this.now = Math.max(this.now, next[1].at);
    next[1].act();
  }

  /** One input; whether there was somebody to hear it. */
  input() {
    const [line] = this.open;
    if (!line) return false;
    if (!this.pick(40)) {
      line.end(this.one([1006, 1001, 4000, 4001, 4029, 0, 9999]));
      return true;
    }
    if (!this.pick(60)) {
      this.epoch = this.one(["k3v9", "m2", "q7"]);
      this.seq += 5;
    }
    const told = line.greeted ? this.write() : this.hello(this.pick(2) > 0);
    line.greeted = true;
    const way = this.pick(6);
    if (way === 0) this.say(line, JSON.stringify(told));
    else if (way === 1) this.say(line, JSON.stringify({ type: "beat", feed: "x", cursor: this.cursor }));
    else if (way === 2) this.say(line, this.bent({ type: "bye", retry_ms: 3000 }));
    else if (way === 3) this.say(line, this.bent({ type: "readers", feed: "x", count: 3 }));
    else this.say(line, this.bent(told));
    return true;
  }

  say(line, text) {
    this.count(`${this.transport} inputs`);
    line.say(line.polls ? `{"cursor":"${this.cursor}","events":[${text}]}` : text);
  }

  /** The hub tells the truth from now on: the reader comes to hold it. */
  async healed() {
    this.truth = true;
    this.epoch = "end";
    this.seq = 100;
    for (const line of this.open) line.end(1006);
    for (let turn = 0; turn < 400; turn += 1) {
      await this.turn();
      if (this.reader.line === "ended" || this.reader.line === "gone") return this.count("ended");
      for (const line of [...this.open]) {
        const poll = { reset: true, cursor: this.cursor, retry_ms: 10 };
        if (line.polls) line.say(JSON.stringify(line.greeted || this.reader.state?.cursor.epoch === "end" ? { cursor: this.cursor, events: [] } : poll));
        else line.say(JSON.stringify(line.greeted ? { type: "beat", feed: "x", cursor: this.cursor } : this.hello(this.reader.state?.cursor.epoch === "end")));
        line.greeted = true;
      }
      await this.settled();
      if (this.reader.state?.cursor.epoch !== "end") this.pass();
      const { state } = this.reader;
      if (state?.cursor.epoch === "end" && state.cursor.seq === this.seq) {
        const held = JSON.stringify(ordered(state));
        if (held !== JSON.stringify(this.snapshot().posts)) throw new Broken(`it holds ${held}`);
        return this.count("healed");
      }
    }
    const { line, state } = this.reader;
    const at = state && formatCursor(state.cursor);
    throw new Broken(`it did not come back: ${this.transport}, ${line} at ${at}, ${this.open.size} lines, ${this.timers.size} timers, ${JSON.stringify(this.seen)}`);
  }
}

class Broken extends Error {}

let failed;
process.on("unhandledRejection", (reason) => (failed ??= reason));
process.on("uncaughtException", (error) => (failed ??= error));

const [seed, first, sessions, inputs] = process.argv.slice(2).map(Number);
let seen = {};
for (let number = first; number < first + sessions; number += 1) {
  const session = new Session(seed * 1_000_003 + number);
  try {
    session.started();
    for (let done = 0, idle = 0; done < inputs; ) {
      if (session.input()) {
        done += 1;
        idle = 0;
      } else if ((idle += 1) > 300) break;
      if (!idle && session.pick(4)) continue;
      await session.turn();
      if (failed) throw failed;
    }
    await session.healed();
    session.reader.stop();
    await session.turn(); // a poll may still wait before it sees that it is over
    await session.turn();
    if (session.open.size || session.timers.size) throw new Broken(`stopped, and still at work: ${session.transport}, ${session.open.size} lines, ${[...session.timers.values()].map(({ at, act }) => `${at - session.now} ms ${act}`)}`);
    if (failed) throw failed;
  } catch (error) {
    console.log(JSON.stringify({ session: number, error: String(error.stack ?? error).slice(0, 1500) }));
    process.exit(1);
  }
  for (const [name, count] of Object.entries(session.seen)) seen[name] = (seen[name] ?? 0) + count;
  if ((number - first) % 100 === 99 || number === first + sessions - 1) {
    console.log(JSON.stringify({ session: number, seen, rss: process.memoryUsage.rss() }));
    seen = {};
  }
}
