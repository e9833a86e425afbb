// The parts of the desk that need no page: merging, sending.
import assert from "node:assert/strict";
import { createServer } from "node:http";
import { test } from "node:test";

import { deskModule } from "./desk_modules.mjs";

const {
  changedMembers, draftOf, filledMembers, isEqualJson, mergePatch, rebase,
} = await deskModule("draft_patch_and_three_way_merge.js");
const { EMPTY_DRAFT, FIELDS, FIELD_NAMES } = await deskModule("post_field_table.js");
const { RepeatedRequest, isUnknown, newIdempotencyKey, sendOnce } = await deskModule("repeat_request_until_outcome.js");
const { withFormer } = await deskModule("unsent_lists_in_local_storage.js");

const post = {
  id: "p1", url: "/live/x/p1", external_id: null, headline: "Bridge shut", body: "Since nine.",
  html: "<p>Since nine.</p>", language: null, direction: null, key: true, breaking: false,
  pinned: false, tags: ["traffic"], authors: [{ name: "Ada", url: null }],
  source: { name: "Police", url: "https://p.example" }, location: "Pier 3", rev: 3,
  media: [{ type: "image", url: "/a.svg", alt: "A bridge", provider: null }],
  published_at: "2026-11-22T09:30:00.000Z", updated_at: "2026-11-22T09:30:00.000Z",
  correction: { note: "It was ten.", at: "2026-11-22T09:31:00.000Z" },
};

test("a draft of a post holds what may be written, and nothing else", () => {
  const draft = draftOf(post);
  assert.deepEqual(Object.keys(draft), Object.keys(EMPTY_DRAFT));
  assert.deepEqual(draft.authors, [{ name: "Ada" }]);
  assert.deepEqual(draft.media, [{ type: "image", url: "/a.svg", alt: "A bridge" }]);
  assert.deepEqual(draft.correction, { note: "It was ten." });
  assert.deepEqual(mergePatch(draft, draft), {});
});

test("what is filled into the form is read from it again, field by field", () => {
  const boxes = {};
  const form = { media: [], box: (name) => (boxes[name] ??= { value: "", checked: false }) };
  for (const draft of [draftOf(post), EMPTY_DRAFT]) {
    for (const name of FIELD_NAMES) FIELDS[name].fill(form, name, draft[name]);
    for (const name of FIELD_NAMES) assert.deepEqual(FIELDS[name].read(form, name), draft[name], name);
  }
});

test("what a post leaves out is empty in its draft", () => {
  assert.deepEqual(draftOf({ id: "p2", url: "/live/x/p2", rev: 1 }), { ...EMPTY_DRAFT });
});

test("a new post is sent without its empty members", () => {
  assert.deepEqual(filledMembers(EMPTY_DRAFT), {});
  assert.deepEqual(filledMembers({ ...EMPTY_DRAFT, body: "Hi", key: true }), { body: "Hi", key: true });
});

test("a change is a merge patch: null takes away, objects say what goes", () => {
  const base = draftOf(post);
  const mine = { ...base, headline: null, source: { name: "Fire brigade" }, tags: [] };
  assert.deepEqual(mergePatch(base, mine), {
    headline: null, source: { name: "Fire brigade", url: null }, tags: [],
  });
  assert.deepEqual(mergePatch(base, { ...base, source: null }), { source: null });
});

test("members compare whatever their order", () => {
  assert.ok(isEqualJson({ a: 1, b: [{ c: null }] }, { b: [{ c: null }], a: 1 }));
  assert.ok(!isEqualJson({ a: 1 }, { a: 1, b: undefined }));
  assert.ok(!isEqualJson([], null) && !isEqualJson(null, {}) && !isEqualJson([1], [1, 2]));
});

test("two changes meet: untouched is theirs, touched is mine, both is a conflict", () => {
  const base = draftOf(post);
  const theirs = { ...base, body: "Since ten.", tags: ["roads"], key: false };
  const mine = { ...base, body: "Since eight.", headline: "Bridge closed", key: false };
  const { draft, conflicts } = rebase(base, mine, theirs);
  assert.deepEqual(conflicts, ["body"]);
  assert.equal(draft.body, "Since eight.");
  assert.equal(draft.headline, "Bridge closed");
  assert.deepEqual(draft.tags, ["roads"]);
  assert.deepEqual(changedMembers(theirs, draft), ["headline", "body"]);
});

async function server(answers) {
  const asked = [];
  const http = createServer((request, response) => {
    let body = "";
    request.on("data", (part) => (body += part));
    request.on("end", () => {
      asked.push({ key: request.headers["idempotency-key"], match: request.headers["if-match"], body });
      const [status, headers, text] = answers.shift();
      if (!status) return request.socket.destroy();
      response.writeHead(status, headers).end(text);
    });
  });
  await new Promise((go) => http.listen(0, "127.0.0.1", go));
  return { asked, base: `http://127.0.0.1:${http.address().port}`, end: () => http.close() };
}

test("an attempt is repeated under its key until it is answered", async () => {
  const { asked, base, end } = await server([
    [503, { "retry-after": "1" }, "{}"], [0], [502, {}, "<html>a proxy's</html>"],
    [201, {}, '{"post":{"id":"p1"}}'],
  ]);
  const waits = [];
  const attempt = { method: "POST", path: `${base}/`, body: { body: "Hi" }, key: newIdempotencyKey() };
  const sending = new RepeatedRequest(attempt, ({ status }) => {
    waits.push(status);
    queueMicrotask(() => sending.hurry());
  });
  const answer = await sending.run();
  end();
  assert.deepEqual(waits, [503, 0, 502]);
  assert.equal(answer.body.post.id, "p1");
  assert.deepEqual(new Set(asked.map(({ key }) => key)), new Set([attempt.key]));
  assert.deepEqual(new Set(asked.map(({ body }) => body)), new Set(['{"body":"Hi"}']));
});

test("an attempt can be stopped, and a refusal is an answer", async () => {
  const { base, asked, end } = await server([[503, {}, "{}"], [412, {}, '{"current":{}}']]);
  const wish = { method: "PATCH", path: `${base}/`, body: {}, rev: 3, key: newIdempotencyKey() };
  const sending = new RepeatedRequest(wish, () => queueMicrotask(() => sending.stop()));
  assert.equal(await sending.run(), null);
  assert.equal((await new RepeatedRequest(wish, assert.fail).run()).status, 412);
  assert.equal(asked[0].match, '"3"');
  end();
});

test("only an answer that settles it counts as one", async () => {
  for (const status of [0, 429, 500, 502, 503, 504]) assert.ok(isUnknown({ status }));
  for (const status of [200, 201, 204, 400, 401, 409, 412, 422]) assert.ok(!isUnknown({ status }));
  assert.equal((await sendOnce({ method: "GET", path: "http://127.0.0.1:1/" })).status, 0);
  assert.notEqual(newIdempotencyKey(), newIdempotencyKey());
});

test("a list that comes back from a seal is added to what was kept since", () => {
  const form = (slug, title) => ({ form: "feed-form", slug, base: null, values: { title } });
  const [one, two] = [form("a", "new"), form("b", "old")];
  assert.deepEqual(JSON.parse(withFormer(JSON.stringify([one]), JSON.stringify([two]))), [one, two]);
  assert.equal(withFormer(null, "[1]"), "[1]");
  assert.equal(withFormer('{"quay":2}', '{"quay":1}'), '{"quay":2}');
  assert.equal(withFormer("kept", "[1]"), "kept");
});
