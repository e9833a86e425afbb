// An entry of the outbox: what each answer makes of it, and what is never sent unasked.
import assert from "node:assert/strict";
import { test } from "node:test";

import { deskModule } from "./desk_modules.mjs";

const {
  arrivedEarlier, asNewPost, entryTitle, isUntouched, needsDecision, newEntry, queued, rebased, settled,
} = await deskModule("outbox_entry.js");
const { EMPTY_DRAFT } = await deskModule("post_field_table.js");
const { mergeText } = await deskModule("text_merge.js");

const POST = { id: "p1", rev: 1, headline: "Fire", body: "One.\n\nTwo.", published_at: "2026-11-22T09:30:00Z" };
const draft = (given) => ({ ...EMPTY_DRAFT, ...given });
const writing = (given) => newEntry("me", "x", null, draft(given));
const changing = (given) => newEntry("me", "x", POST, { ...newEntry("me", "x", POST).draft, ...given });

test("nothing written is nothing to send", () => {
  assert.ok(isUntouched(writing({})));
  assert.equal(queued(writing({}), 1), null);
  assert.equal(queued(changing({}), 1), null);
});

test("a text that is sent keeps one key until it is settled", () => {
  const first = queued(writing({ headline: "A" }), 5);
  assert.equal(first.state, "queued");
  assert.equal(first.order, 5);
  const again = queued({ ...first, state: "draft", draft: draft({ headline: "B" }) }, 9);
  assert.equal(again.attempt.key, first.attempt.key);
  assert.deepEqual(again.attempt.tried, [{ headline: "A" }, { headline: "B" }]);
  assert.equal(settled(again, { status: 201, body: { post: POST } }).attempt, null);
});

test("each answer leads to one state", () => {
  const states = (entry, answer) => settled(entry, answer).state;
  const fresh = queued(writing({ headline: "A" }), 1);
  const change = queued(changing({ headline: "Out" }), 1);
  assert.equal(states(fresh, { status: 201, body: { post: POST } }), "out");
  assert.equal(states(fresh, { status: 200, body: { post: { id: "p1" } } }), "withdrawn");
  assert.equal(states(fresh, { status: 422, body: { detail: "is empty", field: "body" } }), "refused");
  assert.equal(states(fresh, { status: 404, body: null }), "refused");
  assert.equal(states(change, { status: 410, body: null }), "withdrawn");
  assert.equal(states(change, { status: 404, body: null }), "withdrawn");
  const theirs = { ...POST, rev: 2, headline: "Theirs" };
  assert.equal(states(change, { status: 412, body: { current: theirs } }), "conflict");
  const elsewhere = { ...POST, rev: 2, key: true };
  assert.equal(states(change, { status: 412, body: { current: elsewhere } }), "queued");
});

test("a conflict is sent only after each choice, a withdrawal never as it is", () => {
  const theirs = { ...POST, rev: 2, headline: "Theirs", body: "Other." };
  const met = rebased(queued(changing({ headline: "Mine", body: "My own." }), 1), theirs);
  assert.equal(met.state, "conflict");
  assert.deepEqual(met.disputes.map(({ name, before }) => [name, before]), [
    ["headline", "Fire"], ["body", "One.\n\nTwo."],
  ]);
  assert.ok(needsDecision(met));
  met.disputes[0].decided = true;
  assert.ok(needsDecision(met));
  met.disputes[1].decided = true;
  assert.ok(!needsDecision(met));
  assert.equal(queued(met, 2).attempt.rev, 2);
  const gone = settled(queued(changing({ headline: "Mine" }), 1), { status: 410, body: null });
  assert.ok(needsDecision(gone));
  assert.ok(!needsDecision(asNewPost(gone)));
  assert.equal(queued(asNewPost(gone), 2).attempt.method, "POST");
});

test("what had arrived before is changed, not published again", () => {
  const sent = queued(writing({ headline: "Fire", body: "New." }), 1);
  const change = arrivedEarlier(sent, POST);
  assert.equal(change.state, "queued");
  assert.equal(change.attempt.method, "PATCH");
  assert.deepEqual(change.attempt.body, { body: "New." });
  assert.notEqual(change.attempt.key, sent.attempt.key);
  assert.equal(arrivedEarlier(sent, { id: "p1" }).state, "withdrawn");
});

test("the title of an entry never ends in half a character", () => {
  assert.equal(entryTitle(writing({ headline: "Fire" })), "Fire");
  assert.ok(entryTitle(writing({ body: `${"x".repeat(79)}😀 tail` })).endsWith("😀…"));
  assert.equal(entryTitle(writing({ media: [{ type: "image" }] })), "image");
});

test("texts changed in different lines are merged, the same lines are not", () => {
  assert.equal(mergeText("a\n\nb\n\nc", "A\n\nb\n\nc", "a\n\nb\n\nC"), "A\n\nb\n\nC");
  assert.equal(mergeText("a\n\nb", "new\n\na\n\nb", "a\n\nb\n\ntail"), "new\n\na\n\nb\n\ntail");
  assert.equal(mergeText("a\n\nb\n\nc\n\nd", "a\n\nc\n\nd", "a\n\nb\n\nc\n\nd!"), "a\n\nc\n\nd!");
  for (const [base, mine, theirs] of [
    ["a", "x", "y"], ["a\nb", "A\nb", "a\nB"], ["a\n\nb", "a\n\nb\n\nmine", "a\n\nb\n\ntheirs"],
  ]) assert.equal(mergeText(base, mine, theirs), null, base);
});

test("a merge drops no line that either wrote: drawn changes of drawn texts", () => {
  let seed = 7;
  const draw = (limit) => (seed = (seed * 48271) % 2147483647) % limit;
  for (let round = 0; round < 2000; round++) {
    const base = Array.from({ length: 1 + draw(8) }, (_, index) => `line ${index}`);
    const change = (who) => base.flatMap((line, index) => {
      const act = draw(8);
      if (act === 0) return [];
      if (act === 1) return [`${who} ${index}`];
      return act === 2 ? [line, `${who} after ${index}`] : [line];
    });
    const [mine, theirs] = [change("mine"), change("theirs")];
    const merged = mergeText(base.join("\n"), mine.join("\n"), theirs.join("\n"))?.split("\n");
    if (!merged) continue;
    for (const line of [...mine, ...theirs]) {
      const isOwn = !base.includes(line);
      if (isOwn) assert.ok(merged.includes(line), `${line} is lost`);
    }
    for (const line of merged.filter(Boolean)) assert.ok(mine.includes(line) || theirs.includes(line));
    for (const line of base) {
      const isKept = mine.includes(line) && theirs.includes(line);
      assert.equal(merged.includes(line), isKept, line);
    }
  }
});

test("at sign-out a text becomes a draft, and replaces none that others rely on", async () => {
  const { asUnpublished, uploadEntry } = await deskModule("upload_drafts_at_sign_out.js");
  const sent = [];
  let there = {};
  globalThis.fetch = async (path, { method, headers, body }) => {
    sent.push({ method, path, person: headers["stop-press-person"], key: headers["idempotency-key"], ...(body && { body: JSON.parse(body) }) });
    if (method === "PUT" && headers["if-match"] !== `"${there.rev}"`) return new Response("{}", { status: 412 });
    const answer = method === "GET" ? there : method === "PUT" ? { draft: there } : { draft: {} };
    return new Response(JSON.stringify(answer), { status: method === "POST" ? 201 : 200 });
  };
  const upload = async (entry, kept) => {
    there = kept;
    sent.length = 0;
    assert.ok((await uploadEntry(entry)).status < 300);
    return sent.map(({ method }) => method).join(" ");
  };
  const fresh = writing({ headline: "A" });
  assert.equal(await upload(fresh), "POST");
  assert.deepEqual(sent[0], {
    method: "POST", path: "/v1/feeds/x/drafts", person: "me", key: `draft-${fresh.id}`, body: { headline: "A", state: "draft" },
  });
  const opened = (headline, state) => ({ ...writing({ headline }), shared: { id: "d1", rev: 3, state } });
  const kept = (state, rev = 3) => ({ id: "d1", rev, state, headline: "A" });
  assert.equal(await upload(opened("A", "scheduled"), kept("scheduled")), "GET");
  assert.equal(await upload(opened("B", "draft"), kept("draft")), "GET PUT");
  for (const state of ["submitted", "approved", "scheduled"]) {
    assert.equal(await upload(opened("B", state), kept(state)), "GET POST");
    assert.equal(sent[1].body.state, "draft");
  }
  assert.equal(await upload(opened("B", "draft"), kept("draft", 4)), "GET PUT POST");
  // A comment that was being written is added, once.
  const said = { ...opened("A", "draft"), comment: " Who says so? " };
  assert.equal(await upload(said, kept("draft")), "POST GET");
  assert.deepEqual(sent[0], {
    method: "POST", path: "/v1/feeds/x/drafts/d1/comments", person: "me", key: `comment-${said.id}`, body: { text: "Who says so?" },
  });
  const met = rebased(queued(changing({ headline: "Mine" }), 1), { ...POST, rev: 5, headline: "Theirs" });
  assert.equal(asUnpublished(met).base.rev, 4);
  const gone = settled(queued(changing({ headline: "Out" }), 1), { status: 410, body: null });
  assert.equal(asUnpublished(gone).base, null);
});
