// A reader whose tickets come from a source: renewed on the line, asked for once more
// after a refusal, then over.
import assert from "node:assert/strict";
import { test } from "node:test";

import { Reader } from "../../client_demo/stop-press/client.js";
import { ordered } from "../../client_demo/stop-press/fold.js";
import { createTicketSource } from "../../client_demo/stop-press/ticket_source.js";
import { Env, Hub, settle } from "./hub.mjs";

const minute = (n) => `2026-11-22T09:${String(n).padStart(2, "0")}:00.000Z`;

/** A reader of a private feed with a source, and what the hub was sent on its sockets. */
async function reading({ give, faults = [] } = {}) {
  const hub = new Hub();
  hub.publish("01", minute(1));
  faults.forEach((fault) => hub.fault.add(fault));
  const env = new Env(hub, () => 0.5);
  const sent = [];
  const plain = env.WebSocket;
  env.WebSocket = class extends plain {
    send = (text) => sent.push(JSON.parse(text));
  };
  const seen = { asked: 0, lines: [] };
  const source = createTicketSource(async () => {
    seen.asked += 1;
    return give ? give(seen.asked) : `st_${seen.asked}`;
  }, env);
  const reader = new Reader("http://hub", "x", { line: (line) => seen.lines.push(line) }, { token: source });
  reader.start();
  await env.pass(3000);
  return { hub, env, reader, sent, seen };
}

const ids = (reader) => ordered(reader.state).map(({ id }) => id);

test("the snapshot, and the socket's address, have a ticket", async () => {
  const { hub, reader, seen } = await reading();
  assert.deepEqual(hub.asked, ["get /v1/feeds/x", "ws ?feed=x@k3v9-1&ticket=st_1"]);
  assert.deepEqual(hub.tokens, ["st_1", null]);
  assert.deepEqual(seen, { asked: 1, lines: ["live"] });
  reader.stop();
  assert.equal(hub.lines.size, 0);
});

test("what expires is renewed on the line, which goes on", async () => {
  const { hub, env, reader, sent, seen } = await reading();
  for (const line of hub.lines) line.send({ type: "expiring", feed: "x", in: 30 });
  await settle();
  assert.deepEqual(sent, [{ op: "renew", feed: "x", ticket: "st_2" }]);
  hub.publish("02", minute(2));
  await env.pass(1000);
  assert.deepEqual(ids(reader), ["02", "01"]);
  assert.equal(hub.asked.length, 2);
  assert.deepEqual(seen.lines, ["live"]);
  reader.stop();
});

test("an address gets a ticket that is young enough for one", async () => {
  const { hub, env, reader } = await reading();
  await env.pass(20_000);
  hub.beat();
  await env.pass(20_000);
  hub.cut();
  await env.pass(10_000);
  assert.equal(hub.asked.at(-1), "ws ?feed=x@k3v9-1&ticket=st_2");
  assert.equal(reader.line, "live");
  reader.stop();
});

test("a refusal is answered by one more ticket, and the next is the end", async () => {
  const { hub, env, reader, seen } = await reading();
  hub.cut(4401);
  await env.pass(10_000);
  assert.equal(reader.line, "live");
  assert.equal(seen.asked, 2);
  hub.refuse = 4401;
  hub.cut(4401);
  await env.pass(60_000);
  assert.equal(reader.line, "gone");
  assert.equal(seen.asked, 3);
  const asked = hub.asked.length;
  await env.pass(600_000);
  assert.equal(hub.asked.length, asked);
  reader.stop();
});

test("an error of the line counts as its end", async () => {
  const { hub, env, reader, seen } = await reading();
  for (const line of hub.lines) line.send({ type: "error", feed: "x", code: 4401, detail: "" });
  await env.pass(10_000);
  assert.equal(reader.line, "live");
  assert.equal(seen.asked, 2);
  reader.stop();
});

test("a reader that gets no ticket is told that there is no feed", async () => {
  const { hub, env, reader, seen } = await reading({ give: () => "" });
  await env.pass(60_000);
  assert.equal(reader.line, "gone");
  assert.deepEqual(hub.asked, []);
  assert.ok(seen.asked <= 2);
  reader.stop();
});

test("a source that fails is asked again, later", async () => {
  const give = (n) => {
    if (n < 4) throw new TypeError("network");
    return `st_${n}`;
  };
  const { env, reader, seen } = await reading({ give });
  await env.pass(120_000);
  assert.equal(reader.line, "live");
  assert.ok(seen.asked >= 4);
  reader.stop();
});

for (const [kind, faults] of [["event stream", ["ws"]], ["poll", ["ws", "sse"]]]) {
  test(`over ${kind} tickets are in the header`, async () => {
    const { hub, env, reader } = await reading({ faults });
    await env.pass(20_000);
    hub.publish("02", minute(2));
    await env.pass(2000);
    assert.deepEqual(ids(reader), ["02", "01"]);
    assert.match(hub.tokens.at(-1), /^st_/);
    reader.stop();
  });
}

test("an address is asked by POST, with cookies; its refusal is no ticket", async () => {
  const asked = [];
  const answers = [new Response('{"ticket": "st_a"}'), new Response("", { status: 403 }), new Response("", { status: 500 })];
  const base = {
    fetch: async (url, options) => {
      if (url === "/ticket") {
        asked.push([options.method, options.credentials]);
        return answers.shift();
      }
      return new Response("", { status: options.headers.authorization === "Bearer st_b" ? 200 : 401 });
    },
  };
  const { env } = createTicketSource("/ticket", base);
  // Refused with the first, and the source then gives none.
  assert.equal((await env.fetch("/x")).status, 401);
  assert.deepEqual(asked, [["POST", "include"], ["POST", "include"]]);
  await assert.rejects(env.fetch("/x"), /500/);
});
