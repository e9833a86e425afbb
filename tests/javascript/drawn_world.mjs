// Browsers, a network and a server in memory, moved on step by step in an order that a seed
// draws. What it stands in for: IndexedDB, BroadcastChannel, locks, timers and fetch, each
// per tab; nothing happens between two steps, and a killed tab takes no further step.
import { AsyncLocalStorage } from "node:async_hooks";

const current = new AsyncLocalStorage();
const realImmediate = globalThis.setImmediate;
let world = null;
let counter = 0;

/** Numbers from 0 to below 1, the same for the same seed. */
function drawing(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
}

export class World {
  constructor(seed) {
    this.random = drawing(seed);
    this.now = 1_000_000;
    /** What is under way, by the queue whose order it keeps. */
    this.queues = new Map();
    this.timers = new Map();
    this.tabs = [];
    this.server = new Server(this);
    this.faults = true;
    world = this;
  }

  chance(share) {
    return this.random() < share;
  }

  pick(list) {
    return list[Math.floor(this.random() * list.length)];
  }

  later(queue, tab, run) {
    if (!this.queues.has(queue)) this.queues.set(queue, []);
    this.queues.get(queue).push({ tab, run });
  }

  /** Take one step of what is under way; false: only timers are left. */
  async step() {
    const names = [...this.queues.keys()];
    if (!names.length) return false;
    const name = this.pick(names);
    const queue = this.queues.get(name);
    const { tab, run } = queue.shift();
    if (!queue.length) this.queues.delete(name);
    if (!tab || tab.isAlive) await this.act(tab, run);
    return true;
  }

  /** Run in a tab, and let every promise that this settles go on. */
  async act(tab, run) {
    this.now += 1;
    current.run(tab, () => {
      Promise.resolve(run()).catch((error) => (this.error ??= error));
    });
    for (let turn = 0; turn < 3; turn++) await new Promise((go) => realImmediate(go));
    if (this.error) throw this.error;
  }

  /** Let time pass to the next timer; false: there is none. */
  async pass() {
    let first = null;
    for (const [id, timer] of this.timers) {
      if (!timer.tab.isAlive) this.timers.delete(id);
      else if (!first || timer.at < first.at) first = { id, ...timer };
    }
    if (!first) return false;
    this.timers.delete(first.id);
    this.now = Math.max(this.now, first.at);
    await this.act(first.tab, first.run);
    return true;
  }
}

export class Browser {
  constructor(number) {
    this.number = number;
    this.isOnline = true;
    this.person = "";
    this.disk = new Map();
    this.locks = new Map();
  }
}

export class Tab {
  constructor(browser, person) {
    Object.assign(this, { browser, person, isAlive: true, channels: [], listeners: [], id: ++counter });
    world.tabs.push(this);
  }

  /** End it as a crash does: at once, with what it had not finished. */
  kill() {
    this.isAlive = false;
    for (const queue of world.queues.values()) {
      for (let index = queue.length - 1; index >= 0; index--) {
        const { tab, isRequest } = queue[index];
        if (tab === this && !isRequest) queue.splice(index, 1);
      }
    }
    for (const [name, queue] of world.queues) if (!queue.length) world.queues.delete(name);
    for (const [name, lock] of this.browser.locks) {
      lock.waiting = lock.waiting.filter(({ tab }) => tab !== this);
      if (lock.holder?.tab === this) release(this.browser, name);
    }
  }

  act(run) {
    return world.act(this, run);
  }

  online() {
    return this.act(() => this.listeners.forEach((listener) => listener()));
  }
}

// Locks

function grant(browser, name, request) {
  const lock = browser.locks.get(name);
  lock.holder = request;
  world.later(`lock ${request.tab.id}`, request.tab, async () => {
    if (lock.holder !== request) return;
    await request.run();
    if (lock.holder === request) release(browser, name);
    request.resolve();
  });
}

function release(browser, name) {
  const lock = browser.locks.get(name);
  lock.holder = null;
  const next = lock.waiting.shift();
  if (next) grant(browser, name, next);
}

const locks = {
  request(name, options, run = options) {
    const tab = current.getStore();
    const { browser } = tab;
    if (!browser.locks.has(name)) browser.locks.set(name, { holder: null, waiting: [] });
    const lock = browser.locks.get(name);
    return new Promise((resolve, reject) => {
      const request = { tab, run, resolve, reject };
      const { holder } = lock;
      if (options.steal && holder) {
        lock.holder = null;
        holder.reject(new Error("stolen"));
      }
      if (!lock.holder) return grant(browser, name, request);
      lock.waiting.push(request);
      options.signal?.addEventListener("abort", () => {
        if (!lock.waiting.includes(request)) return;
        lock.waiting.splice(lock.waiting.indexOf(request), 1);
        reject(new Error("aborted"));
      });
    });
  },
};

// What is kept: one store per browser; its transactions follow each other.

function transaction(browser, tab) {
  const made = { steps: [] };
  const request = (run) => {
    const asked = {};
    made.steps.push(() => {
      asked.result = run();
      asked.onsuccess?.();
    });
    return asked;
  };
  made.objectStore = () => ({
    get: (id) => request(() => structuredClone(browser.disk.get(id))),
    getAll: () => request(() => [...browser.disk.values()].map((each) => structuredClone(each))),
    put: (value) => {
      const copy = structuredClone(value);
      return request(() => browser.disk.set(copy.id, copy));
    },
    delete: (id) => request(() => browser.disk.delete(id)),
  });
  // What a tab asks for comes to the disk later than what it tells the other tabs.
  world.later(`asked ${tab.id}`, tab, () =>
    world.later(`disk ${browser.number}`, tab, () => {
      // A step may add another.
      for (const run of made.steps) run();
      made.oncomplete?.();
    }),
  );
  return made;
}

const indexedDB = {
  open() {
    const tab = current.getStore();
    const request = { result: { transaction: () => transaction(tab.browser, tab) } };
    world.later(`open ${tab.id}`, tab, () => request.onsuccess());
    return request;
  },
};

class Channel {
  constructor(name) {
    this.name = name;
    this.tab = current.getStore();
    this.tab.channels.push(this);
  }

  postMessage(data) {
    const copy = structuredClone(data);
    for (const tab of world.tabs) {
      if (tab === this.tab || !tab.isAlive || tab.browser !== this.tab.browser) continue;
      for (const channel of tab.channels) {
        if (channel.name !== this.name) continue;
        world.later(`told ${tab.id}`, tab, () => channel.onmessage?.({ data: structuredClone(copy) }));
      }
    }
  }
}

// The network: a request may be lost on its way there or back, and takes its time.

function request(path, { method, headers, body }) {
  const tab = current.getStore();
  const name = `net ${++counter}`;
  const isWrite = method !== "GET";
  if (isWrite) tab.onSend?.(headers["idempotency-key"]);
  return new Promise((resolve, reject) => {
    const fail = () => reject(new TypeError("no connection"));
    if (!tab.browser.isOnline) return world.later(name, tab, fail);
    const task = {
      tab: null,
      isRequest: true,
      run() {
        if (world.faults && world.chance(0.1)) return world.later(name, tab, fail);
        const answer = world.server.answer(tab.browser.person, method, path, headers, body && JSON.parse(body));
        const isLost = world.faults && world.chance(0.15);
        world.later(name, tab, () => {
          if (isLost || !tab.browser.isOnline) return fail();
          const text = JSON.stringify(answer.body ?? null);
          resolve({ status: answer.status, headers: new Map(), text: async () => text });
        });
      },
    };
    world.queues.set(name, [task]);
  });
}

/** The rules of the API that the desk relies on: revisions, idempotency keys, persons. */
class Server {
  constructor() {
    this.posts = new Map();
    this.keys = new Map();
    this.made = 0;
  }

  answer(signedIn, method, path, headers, body) {
    const person = headers["stop-press-person"] ?? signedIn;
    if (!signedIn || person !== signedIn) return { status: 401 };
    if (world.faults && world.chance(0.05)) return { status: 503 };
    const id = path.split("/posts/")[1];
    const post = this.posts.get(id);
    if (method === "GET") {
      if (!post) return { status: 404 };
      return post.isWithdrawn ? { status: 410 } : { status: 200, body: shown(post) };
    }
    const key = headers["idempotency-key"] && `${person} ${headers["idempotency-key"]}`;
    const asked = JSON.stringify([method, path, body]);
    const done = key && this.keys.get(key);
    if (done && done.asked !== asked) return { status: 422, body: { type: "x/key-reused", detail: "reused" } };
    if (done) return { status: 200, body: { post: shown(this.posts.get(done.id)) } };
    const expected = headers["if-match"] && Number(JSON.parse(headers["if-match"]));
    if (method === "POST") {
      const made = { id: `p${++this.made}`, rev: 1, published_at: new Date(world.now).toISOString(), history: [], members: body };
      made.history.push(body);
      this.posts.set(made.id, made);
      if (key) this.keys.set(key, { asked, id: made.id });
      return { status: 201, body: { post: shown(made) } };
    }
    if (!post) return { status: 404 };
    if (post.isWithdrawn) return method === "DELETE" ? { status: 204 } : { status: 410 };
    if (expected && expected !== post.rev) return { status: 412, body: { current: shown(post) } };
    if (method === "DELETE") {
      post.isWithdrawn = true;
      post.rev += 1;
      return { status: 204 };
    }
    const members = { ...post.members };
    for (const [name, value] of Object.entries(body)) {
      if (value === null) delete members[name];
      else members[name] = value;
    }
    Object.assign(post, { members, rev: post.rev + 1 });
    post.history.push(members);
    if (key) this.keys.set(key, { asked, id });
    return { status: 200, body: { post: shown(post) } };
  }
}

const shown = ({ id, rev, published_at, isWithdrawn, members }) =>
  structuredClone(isWithdrawn ? { id, withdrawn: true } : { ...members, id, rev, published_at });

// In place of what a browser has

const listen = (name, listener) => {
  if (name === "online") current.getStore()?.listeners.push(listener);
};
const replaced = {
  indexedDB,
  BroadcastChannel: Channel,
  navigator: { locks },
  localStorage: {},
  document: { addEventListener: () => {}, visibilityState: "visible" },
  addEventListener: listen,
  fetch: request,
  crypto: {
    getRandomValues: (bytes) => bytes.map((_, index) => (bytes[index] = Math.floor(world.random() * 256))),
  },
  setTimeout: (run, ms = 0) => {
    const tab = current.getStore();
    world.timers.set(++counter, { tab, run, at: world.now + ms });
    return counter;
  },
  clearTimeout: (id) => world?.timers.delete(id),
};

/** Give the modules that are loaded from now on these in place of the process's own. */
export function replaceGlobals() {
  for (const [name, value] of Object.entries(replaced)) {
    Object.defineProperty(globalThis, name, { value, configurable: true, writable: true });
  }
  AbortSignal.timeout = () => new AbortController().signal;
}
