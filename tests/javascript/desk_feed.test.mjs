// The desk's feed without a page: its settings, its export, what happened meanwhile.
import assert from "node:assert/strict";
import { test } from "node:test";

import { deskModule } from "./desk_modules.mjs";

const { FEED_FIELDS, memberOf, patchOf } = await deskModule("feed_field_table.js");
const { exportLines } = await deskModule("export_feed.js");
const { embedCode, frameCode } = await deskModule("embed_code_and_export_tools.js");
const { digest } = await deskModule("since_you_left.js");
const { pointsOf } = await deskModule("reader_chart.js");
const { receiptRows } = await deskModule("takedown.js");

test("what is filled into the settings is read from them again", () => {
  const feed = {
    slug: "x", title: "Flood", standfirst: "Water.", summary: "- One", status: "upcoming", language: "tr",
    direction: "rtl", timezone: "Asia/Kathmandu", visibility: "unlisted", show_readers: true,
    coverage_start: "2026-11-28T09:00:12.000Z", links: [{ title: "The map", url: "https://m.example/" }],
    share: ["mail", "x"], image: { url: "/a.jpg", alt: "A lock", width: 1200, height: null },
  };
  const boxes = {};
  const form = { zone: feed.timezone, box: (name) => (boxes[name] ??= { value: "", checked: false, dataset: {} }) };
  for (const given of [feed, { slug: "y", title: "Bare" }]) {
    for (const [name, field] of Object.entries(FEED_FIELDS)) field.fill(form, name, memberOf(given, name));
    for (const [name, field] of Object.entries(FEED_FIELDS)) {
      assert.deepEqual(field.read(form, name), memberOf(given, name), name);
    }
  }
  boxes.coverage_start.value = "2026-11-28T18:00";
  assert.equal(FEED_FIELDS.coverage_start.read(form, "coverage_start"), "2026-11-28T12:15:00.000Z");
  assert.deepEqual(patchOf({ url: "/a", alt: "b" }, { url: "/c" }), { url: "/c", alt: null });
  assert.equal(patchOf({ url: "/a" }, null), null);
});

test("an export holds the feed, its posts, what is withdrawn and what happened meanwhile", async () => {
  const answers = {
    "/v1/feeds/x/withdrawn?limit=1": { withdrawn: [], next: null },
    "/v1/feeds/x": { feed: { slug: "x", url: "/live/x" }, cursor: "e-3" },
    "/v1/feeds/x/posts?limit=100": { posts: [{ id: "b", html: "<p>", url: "/b" }], next: "/more" },
    "/more": { posts: [{ id: "a" }], next: null },
    "/v1/feeds/x/withdrawn": { withdrawn: [{ id: "w", rev: 2 }, { id: "w", rev: 2 }, { id: "w", rev: 2, taken_down: true }], next: null },
    "/v1/feeds/x/events?since=e-3&wait=0": { events: [{ type: "post.updated", cursor: "e-4", post: { id: "a" } }] },
    "/v1/feeds/x/posts/a?for=e-4": { id: "a", rev: 2 },
    "/v1/feeds/x/events?since=e-4&wait=0": { events: [] },
  };
  const lines = await exportLines("x", () => {}, async (path) => answers[path]);
  assert.deepEqual(lines, [
    { export: 1, cursor: "e-3" }, { feed: { slug: "x" } }, { post: { id: "b" } }, { post: { id: "a" } },
    { withdrawn: { id: "w", rev: 2 } }, { withdrawn: { id: "w", rev: 2, taken_down: true } },
    { post: { id: "a", rev: 2 } }, { end: { cursor: "e-4", lines: 7 } },
  ]);
});

test("the code for other pages is markup whatever the title is", () => {
  assert.match(embedCode("https://l.example", "x", '<b>"'), /<stop-press feed="x"><a href="https:\/\/l.example\/live\/x">&lt;b>&quot;<\/a>/);
  assert.match(frameCode("https://l.example", "x", '"'), /src="https:\/\/l.example\/embed\/x" title="&quot;"/);
});

test("what came and went meanwhile is no news", () => {
  const post = (id) => ({ id, published_at: "2026-11-28T09:00:00Z" });
  const found = digest([
    { type: "post.published", post: post("a") }, { type: "post.updated", post: post("a") },
    { type: "post.updated", post: post("b") }, { type: "post.withdrawn", post: { id: "c" } },
    { type: "post.published", post: post("d") }, { type: "post.withdrawn", post: { id: "d" } },
    { type: "feed.updated", value: {} }, { type: "unknown" },
  ]);
  assert.deepEqual(found.published.map(({ id }) => id), ["a"]);
  assert.deepEqual(found.updated.map(({ id }) => id), ["b"]);
  assert.deepEqual([found.withdrawn, found.feed], [1, true]);
});

test("the hour of readers ends at the right; a receipt is rows of words", () => {
  assert.equal(pointsOf([{ minute: 10, count: 5 }, { minute: 11, count: 10 }], 11), "59.0,8.0 60.0,1.0");
  const receipt = { post: "p", at: "1", store: "2", disk: "pending", workers: [{ worker: "w1", at: null }], readers: 7, purge: [{ url: "u", at: "3", status: 200 }] };
  assert.deepEqual(receiptRows(receipt, (at) => `t${at}`), [
    ["Post", "p"], ["Begun", "t1"], ["Store erased", "t2"], ["Disk rewritten", "pending"], ["Readers told", "7"],
    ["Process w1", "no answer"], ["Cache u", "200 t3"],
  ]);
});
