// The reader against a hub that can be scripted: what it holds is what the hub holds.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

import { Reader } from "../../client_demo/stop-press/client.js";
import { formatCursor } from "../../client_demo/stop-press/cursor.js";
import { fromSnapshot, ordered } from "../../client_demo/stop-press/fold.js";
import { Env, Hub, seeded, settle } from "./hub.mjs";

const minute = (n) => `2026-11-22T${String(9 + Math.floor(n / 60)).padStart(2, "0")}:${String(n % 60).padStart(2, "0")}:00.000Z`;

/** A reader of a hub with `count` posts, gone live. */
async function reading({ count = 3, random = () => 0.5, faults = [], hub = new Hub(), token } = {}) {
  for (let n = 1; n <= count; n += 1) hub.publish(`0${n}`, minute(n));
  faults.forEach((fault) => hub.fault.add(fault));
  const env = new Env(hub, random);
  const seen = { lines: [], events: [], changes: 0 };
  const reader = new Reader("http://hub", "x", {
    line: (line) => seen.lines.push(line),
    change: (_, message) => {
      seen.changes += 1;
      if (message) seen.events.push(message.cursor);
    },
  }, { env, token });
  reader.start();
  await env.pass(3000);
  return { hub, env, reader, seen };
}

const ids = (reader) => ordered(reader.state).map(({ id }) => id);

test("a snapshot, then live from its cursor", async () => {
  const { hub, env, reader, seen } = await reading();
  assert.deepEqual(seen.lines, ["live"]);
  hub.publish("04", minute(4));
  hub.write("post.withdrawn", { id: "02" });
  await settle();
  assert.deepEqual(ids(reader), ["04", "03", "01"]);
  assert.deepEqual(hub.asked, ["get /v1/feeds/x", "ws ?feed=x@k3v9-3"]);
  reader.stop();
  assert.equal(hub.lines.size, 0);
  assert.equal(env.timers.size, 0);
});

test("from a state already held no snapshot is asked for", async () => {
  const hub = new Hub();
  hub.publish("01", minute(1));
  const env = new Env(hub);
  const reader = new Reader("http://hub", "x", {}, { env });
  reader.start(
    fromSnapshot({ feed: {}, cursor: "k3v9-0", posts: [], pinned: null, next: null }),
    null,
  );
  await env.pass(10);
  assert.deepEqual(hub.asked, ["ws ?feed=x@k3v9-0"]);
  assert.deepEqual(ids(reader), ["01"]);
  reader.stop();
});

for (const faults of [["ws"], ["ws", "sse"]]) {
  test(`without ${faults.join(" and ")} the next transport carries on`, async () => {
    const { hub, env, reader, seen } = await reading({ faults });
    assert.equal(reader.line, "live");
    hub.publish("04", minute(4));
    await settle();
    hub.publish("05", minute(5));
    hub.publish("06", minute(6));
    await env.pass(0);
    assert.deepEqual(ids(reader), ["06", "05", "04", "03", "02", "01"]);
    assert.deepEqual(seen.events, ["k3v9-4", "k3v9-5", "k3v9-6"]);
    // What worked is tried first when it breaks.
    hub.asked.length = 0;
    hub.cut();
    await env.pass(5000);
    assert(!hub.asked.some((asked) => asked.startsWith("ws")), String(hub.asked));
    assert.equal(reader.line, "live");
    reader.stop();
  });
}

test("a broken line comes back spread over what the server said, and resumes", async () => {
  const { hub, env, reader, seen } = await reading({ random: () => 0.75 });
  hub.cut();
  assert.equal(reader.line, "reconnecting");
  hub.publish("04", minute(4));
  await env.pass(2990);
  assert.equal(hub.lines.size, 0);
  await env.pass(20);
  assert.deepEqual(seen.events, ["k3v9-4"]);
  assert.equal(hub.asked.at(-1), "ws ?feed=x@k3v9-3");
  reader.stop();
});

test("bye comes back after the time it names, and soon after", async () => {
  const { hub, env, reader } = await reading();
  for (const line of hub.lines) line.send({ type: "bye", retry_ms: 8123 });
  hub.cut(4000);
  hub.asked.length = 0;
  await env.pass(8120);
  assert.deepEqual(hub.asked, []);
  await env.pass(2100);
  assert.equal(hub.asked.length, 1);
  reader.stop();
});

test("a hub that is away is asked less and less often, by every way", async () => {
  const { hub, env, reader } = await reading({ random: () => 1 });
  hub.down = true;
  hub.cut();
  hub.asked.length = 0;
  await env.pass(120_000);
  assert(hub.asked.length <= 8, `${hub.asked.length} tries`);
  assert(hub.asked.some((asked) => asked.startsWith("get")));
  hub.down = false;
  await env.pass(30_000);
  assert.equal(reader.line, "live");
  reader.stop();
});

test("a line without signs of life is given up", async () => {
  const { hub, env, reader } = await reading();
  const [dead] = hub.lines;
  await env.pass(40_000);
  hub.beat();
  await env.pass(40_000);
  assert(hub.lines.has(dead), "a beat is a sign of life");
  await env.pass(20_000);
  assert(!hub.lines.has(dead));
  assert.equal(hub.lines.size, 1);
  reader.stop();
});

test("reset: kept events wait for the snapshot, which is spread", async () => {
  const { hub, env, reader, seen } = await reading({ random: () => 0.5 });
  hub.cut(4001);
  hub.begin("q7");
  hub.write("post.withdrawn", { id: "01" });
  hub.asked.length = 0;
  await env.pass(2000);
  assert.deepEqual(hub.asked, ["ws ?feed=x@k3v9-3"]);
  hub.publish("04", minute(4));
  await env.pass(1990);
  assert.deepEqual(ids(reader), ["03", "02", "01"], "nothing is applied to what can't be continued");
  await env.pass(20);
  assert.equal(hub.asked.at(-1), "get /v1/feeds/x?at=q7-1");
  assert.deepEqual(ids(reader), ["04", "03", "02"]);
  hub.publish("05", minute(5));
  await settle();
  assert.equal(formatCursor(reader.state.cursor), "q7-3");
  assert.deepEqual(seen.events, ["q7-3"], "what the snapshot held is not applied again");
  reader.stop();
});

test("reset: a snapshot that is not there yet is asked for again", async () => {
  const { hub, env, reader } = await reading();
  hub.begin("q7");
  hub.fault.add("snapshot");
  hub.cut();
  await env.pass(20_000);
  hub.publish("04", minute(4));
  await settle();
  hub.fault.clear();
  await env.pass(30_000);
  assert.deepEqual(ids(reader), ["04", "03", "02", "01"]);
  assert.equal(reader.line, "live");
  reader.stop();
});

test("a line that breaks during a reset goes on from its own place", async () => {
  const { hub, env, reader } = await reading();
  hub.begin("q7");
  hub.fault.add("snapshot");
  hub.cut();
  await env.pass(4000);
  hub.publish("04", minute(4));
  await settle();
  hub.cut();
  hub.asked.length = 0;
  await env.pass(4000);
  assert(hub.asked.includes("ws ?feed=x@q7-1"), String(hub.asked));
  hub.fault.clear();
  await env.pass(30_000);
  assert.deepEqual(ids(reader), ["04", "03", "02", "01"]);
  reader.stop();
});

test("what is let go of at the bottom comes back by asking for older posts", async () => {
  const { hub, env, reader } = await reading({ count: 9 });
  await reader.older();
  assert.equal(ids(reader).length, 9);
  await reader.trim(6);
  assert.deepEqual(ids(reader), ["09", "08", "07", "06", "05", "04"]);
  hub.write("post.updated", { ...hub.posts.get("02"), rev: 2 });
  hub.write("post.withdrawn", { id: "03" });
  await settle();
  assert.equal(ids(reader).length, 6, "of posts that were let go nothing is shown");
  await reader.older();
  assert.deepEqual(ordered(reader.state), hub.ordered());
  assert.equal(reader.next, null);
  await reader.trim(9);
  assert.equal(reader.next, null, "nothing to let go");
  reader.stop();
  assert.equal(env.timers.size, 0);
});

test("a gap is healed by a snapshot at its cursor", async () => {
  const { hub, env, reader } = await reading({ random: () => 0 });
  const held = hub.lines;
  hub.lines = new Set();
  hub.publish("04", minute(4));
  hub.lines = held;
  hub.publish("05", minute(5));
  await env.pass(10);
  assert.equal(hub.asked.at(-1), "get /v1/feeds/x?at=k3v9-5");
  assert.deepEqual(ids(reader), ["05", "04", "03", "02", "01"]);
  reader.stop();
});

test("never back within an epoch: an old snapshot is refused", async () => {
  const { hub, env, reader } = await reading();
  const old = { feed: hub.feed, cursor: "k3v9-1", posts: [], pinned: null, next: null };
  const { fetch } = env;
  env.fetch = async () => new Response(JSON.stringify(old));
  for (const line of hub.lines) line.send({ type: "reset", feed: "x", cursor: "k3v9-2", retry_ms: 0 });
  await env.pass(5000);
  assert.deepEqual(ids(reader), ["03", "02", "01"]);
  env.fetch = fetch;
  hub.publish("04", minute(4));
  await env.pass(30_000);
  assert.deepEqual(ids(reader), ["04", "03", "02", "01"]);
  reader.stop();
});

test("a reset to an earlier place asks for what is held, the later of the two", async () => {
  const { hub, env, reader, seen } = await reading();
  hub.asked.length = 0;
  for (const line of hub.lines) line.send({ type: "reset", feed: "x", cursor: "k3v9-2", retry_ms: 0 });
  await env.pass(10);
  assert.deepEqual(hub.asked, ["get /v1/feeds/x?at=k3v9-3"]);
  hub.publish("04", minute(4));
  await settle();
  assert.deepEqual(ids(reader), ["04", "03", "02", "01"]);
  assert.deepEqual(seen.events, ["k3v9-4"]);
  reader.stop();
});

test("times that are none make no reader come back at once", async () => {
  const { hub, env, reader } = await reading();
  for (const retry_ms of [null, -1, "soon", 1e300]) {
    for (const line of hub.lines) line.send({ type: "hello", feed: "x", cursor: hub.cursor, retry_ms, beat: retry_ms });
    for (const line of hub.lines) line.send({ type: "bye", retry_ms });
    hub.asked.length = 0;
    await env.pass(0);
    assert.deepEqual(hub.asked, []);
    for (const { at } of env.timers.values()) assert(at - env.now <= 2 * 3_600_000, `${at - env.now} ms`);
    await env.pass(2 * 3_600_000);
    assert.equal(reader.line, "live");
  }
  reader.stop();
});

test("a snapshot that a proxy holds back with 429 is asked for again", async () => {
  const hub = new Hub();
  hub.publish("01", minute(1));
  const { fetch } = hub;
  let refusals = 2;
  hub.fetch = (...asked) => (refusals-- > 0 ? Promise.resolve(new Response("{}", { status: 429 })) : fetch.apply(hub, asked));
  const { env, reader } = await reading({ hub, count: 0 });
  await env.pass(30_000);
  assert.equal(reader.line, "live");
  assert.deepEqual(ids(reader), ["01"]);
  reader.stop();
});

test("a reset reloads what had been paged to, so no place is lost", async () => {
  const { hub, env, reader } = await reading({ count: 9 });
  await reader.older();
  assert.equal(ids(reader).length, 9);
  hub.begin("q7");
  hub.publish("010", minute(10));
  hub.cut();
  await env.pass(10_000);
  assert.equal(ids(reader).length, 10);
  assert.equal(reader.next, null);
  reader.stop();
});

test("an older page from a cache does not bring back what was withdrawn", async () => {
  const { hub, env, reader } = await reading({ count: 9 });
  const stale = await hub.fetch(new URL(`http://hub${reader.next}`));
  const { fetch } = env;
  env.fetch = async () => stale;
  hub.write("post.withdrawn", { id: "02" });
  hub.write("post.updated", { id: "01", published_at: minute(1), pinned: false, rev: 2 });
  await settle();
  await reader.older();
  env.fetch = fetch;
  assert(!ids(reader).includes("02"));
  assert.equal(reader.state.posts.get("01").rev, 2);
  reader.stop();
});

test("a post dated back while an older page was on its way is not lost", async () => {
  const { hub, env, reader } = await reading({ count: 9 });
  const stale = await hub.fetch(new URL(`http://hub${reader.next}`));
  const { fetch } = env;
  env.fetch = async () => stale;
  hub.publish("025", minute(2));
  hub.publish("000", minute(0));
  hub.write("post.updated", { ...hub.posts.get("09"), published_at: minute(3), rev: 2 });
  await settle();
  await reader.older();
  env.fetch = fetch;
  assert.deepEqual(ids(reader), hub.ordered().map(({ id }) => id));
  reader.stop();
});

test("what was withdrawn unheard is not brought back by news of it", async () => {
  const { hub, env, reader } = await reading({ count: 9 });
  hub.publish("025", minute(2));
  await settle();
  const held = hub.lines;
  hub.lines = new Set();
  hub.write("post.withdrawn", { id: "025" });
  hub.lines = held;
  hub.publish("10", minute(10));
  await env.pass(10_000);
  await reader.older();
  assert.deepEqual(ids(reader), hub.ordered().map(({ id }) => id));
  reader.stop();
});

test("44xx stops; an ended feed is asked for now and then, and may be gone", async () => {
  const { hub, env, reader, seen } = await reading();
  hub.refuse = 4410;
  hub.cut(4410);
  assert.equal(reader.line, "ended");
  await env.pass(1000);
  assert.deepEqual(seen.lines.slice(-2), ["ended", "gone"]);
  hub.asked.length = 0;
  await env.pass(3_600_000);
  assert.deepEqual(hub.asked, []);
  reader.stop();
});

test("a closed feed that is opened again goes live again", async () => {
  const { hub, env, reader } = await reading();
  hub.cut(4410);
  await env.pass(1000);
  assert.equal(reader.line, "ended");
  hub.write("feed.updated", { ...hub.feed, title: "Two" });
  await env.pass(300_000);
  assert.equal(reader.line, "live");
  assert.equal(reader.state.feed.title, "Two");
  reader.stop();
});

test("a feed that is not there: gone, and quiet", async () => {
  const hub = new Hub();
  hub.refuse = 4404;
  const { env, reader, seen } = await reading({ count: 0, hub });
  assert.deepEqual(seen.lines, ["gone"]);
  hub.asked.length = 0;
  await env.pass(600_000);
  assert.deepEqual(hub.asked, []);
  reader.stop();
});

test("waking up after a sleep opens a new line at once", async () => {
  const { hub, env, reader } = await reading();
  const [dead] = hub.lines;
  // The machine slept: no timer ran.
  env.now += 3_600_000;
  env.document.dispatchEvent(new Event("visibilitychange"));
  await settle();
  assert(!hub.lines.has(dead));
  assert.equal(hub.lines.size, 1);
  hub.asked.length = 0;
  env.dispatchEvent(new Event("focus"));
  await settle();
  assert.deepEqual(hub.asked, [], "a line that speaks is left alone");
  reader.stop();
});

test("back on a network the line is made anew, though it seems open", async () => {
  const { hub, env, reader } = await reading();
  for (const hidden of [false, true]) {
    env.document.hidden = hidden;
    const [before] = hub.lines;
    env.dispatchEvent(new Event("online"));
    await env.pass(1100);
    assert(!hub.lines.has(before), "many may be back at once: within a second");
    assert.equal(hub.lines.size, 1);
  }
  reader.stop();
});

test("a clock that is set back is no reason to trust the line", async () => {
  const { hub, env, reader } = await reading();
  const [before] = hub.lines;
  env.now -= 3_600_000;
  env.dispatchEvent(new Event("focus"));
  await settle();
  assert(!hub.lines.has(before));
  reader.stop();
});

for (const faults of [[], ["ws"], ["ws", "sse"]]) {
  test(`a token goes with every request, ${faults.length ? `without ${faults}` : "and in a socket's address"}`, async () => {
    const token = "sp_a/b+c";
    const { hub, env, reader } = await reading({ count: 9, faults, token });
    await reader.older();
    hub.begin("q7");
    hub.cut();
    await env.pass(10_000);
    assert.equal(reader.line, "live");
    assert(hub.tokens.length > 4);
    assert.deepEqual(new Set(hub.tokens), new Set([token]));
    const spoken = hub.asked.filter((asked) => asked.startsWith("get") && asked.includes("sp_"));
    assert.deepEqual(spoken, [], "by HTTP it is a header");
    reader.stop();
  });
}

test("half a message breaks the line, not the page", async () => {
  const { hub, env, reader } = await reading();
  for (const junk of ["{", '{"type":"post.published","feed":"x","cursor":"nonsense"}', "null"]) {
    for (const line of hub.lines) line.raw(junk);
    await env.pass(5000);
    hub.publish(`1${hub.seq}`, minute(30));
    await settle();
    assert.equal(formatCursor(reader.state.cursor), hub.cursor);
  }
  assert.equal(env.warnings.length, 3, "one line in the console for each");
  reader.stop();
});

test("stop and start again: from the same place, nothing twice", async () => {
  const { hub, env, reader, seen } = await reading();
  reader.stop();
  hub.publish("04", minute(4));
  await env.pass(60_000);
  reader.start();
  await env.pass(10);
  assert.deepEqual(seen.events, ["k3v9-4"]);
  reader.stop();
});

test("every message of the protocol is understood", async () => {
  const cases = JSON.parse(readFileSync(new URL("../fixtures/messages.json", import.meta.url), "utf8"));
  for (const { message } of cases) {
    const { hub, env, reader } = await reading({ count: 0 });
    for (const line of hub.lines) {
      line.send({ ...message, feed: "x", ...(message.cursor && { cursor: "k3v9-1" }) });
    }
    await env.pass(0);
    assert.deepEqual(env.warnings, [], message.type);
    reader.stop();
  }
});

test("cuts, faults, restarts and new epochs at random: the hub's state, nothing twice", async () => {
  const seed = Number(process.env.STOPPRESS_SEED ?? Math.floor(Math.random() * 2 ** 31));
  console.log(`seed ${seed} (STOPPRESS_SEED repeats it)`);
  const random = seeded(seed);
  const pick = (list) => list[Math.floor(random() * list.length)];
  const { hub, env, reader, seen } = await reading({ count: 12, random });
  const step = {
    publish: () => hub.publish(`9${hub.seq}${hub.epoch}`, minute(Math.floor(random() * 60))),
    edit: () => {
      const post = pick(hub.ordered());
      if (post) hub.write("post.updated", { ...post, rev: post.rev + 1 });
    },
    withdraw: () => {
      const post = pick(hub.ordered());
      if (post) hub.write("post.withdrawn", { id: post.id });
    },
    cut: () => hub.cut(pick([1006, 4000, 4001, 1001])),
    fault: () => {
      hub.fault = new Set(["ws", "sse", "poll", "snapshot"].filter(() => random() < 0.3));
      hub.cut();
    },
    older: () => reader.older().catch(() => {}),
    trim: () => reader.trim(8),
    epoch: () => {
      hub.begin(`e${hub.asked.length}`);
      hub.cut();
    },
    forget: () => {
      const drop = Math.min(5, hub.events.length);
      hub.events.splice(0, drop);
      hub.first += drop;
    },
    down: async () => {
      hub.down = true;
      hub.cut();
      await env.pass(random() * 20_000);
      hub.down = false;
    },
    sleep: () => {
      env.now += 600_000;
      env.dispatchEvent(new Event("online"));
    },
    wait: () => env.pass(random() * 8000),
  };
  const often = ["publish", "publish", "edit", "withdraw", "cut", "cut", "wait", "older", "forget"];
  for (let round = 0; round < 1500; round += 1) {
    const name = random() < 0.8 ? pick(often) : pick(Object.keys(step));
    await step[name]();
    if (round % 100 !== 99) continue;
    hub.fault.clear();
    for (let n = 0; n < 40 && formatCursor(reader.state.cursor) !== hub.cursor; n += 1) {
      await env.pass(10_000);
    }
    assert.equal(formatCursor(reader.state.cursor), hub.cursor, `round ${round}`);
    const { floor } = reader.state;
    const key = ({ published_at, id }) => published_at + id;
    const all = hub.ordered().filter((post) => !floor || key(post) >= floor.join(""));
    assert.deepEqual(ordered(reader.state), all, `round ${round}`);
  }
  assert.equal(new Set(seen.events).size, seen.events.length, "an event was applied twice");
  reader.stop();
  await settle();
  assert.equal(hub.lines.size, 0);
});

test("a socket that is never answered costs two seconds, and nothing on the next page", async () => {
  const kept = new Map();
  const sessionStorage = { getItem: (name) => kept.get(name) ?? null, setItem: (name, value) => kept.set(name, value) };
  let sockets = 0;
  const open = async (ms) => {
    const hub = new Hub();
    hub.publish("01", minute(1));
    const env = new Env(hub);
    env.sessionStorage = sessionStorage;
    env.WebSocket = class {
      constructor() {
        sockets += 1;
      }

      close() {}
    };
    const lines = [];
    const reader = new Reader("http://hub", "x", { line: (line) => lines.push(line) }, { env });
    reader.start();
    await env.pass(ms);
    reader.stop();
    return lines;
  };
  assert.deepEqual(await open(4000), ["live"]);
  assert.equal(sockets, 1);
  assert.deepEqual(await open(1000), ["live"]);
  assert.equal(sockets, 1);
});

test("a line stays open where the browser keeps nothing", async () => {
  const full = () => {
    throw new Error("QuotaExceededError");
  };
  for (const sessionStorage of [{ getItem: () => null, setItem: full }, { getItem: full, setItem: full }]) {
    const hub = new Hub();
    hub.publish("01", minute(1));
    const env = new Env(hub);
    env.sessionStorage = sessionStorage;
    const lines = [];
    const reader = new Reader("http://hub", "x", { line: (line) => lines.push(line) }, { env });
    reader.start();
    await env.pass(10_000);
    reader.stop();
    assert.deepEqual(lines, ["live"]);
  }
});
