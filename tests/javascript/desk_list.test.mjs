// The desk's list without a page: what a search finds, times of the feed's zone, tags.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

import { deskModule } from "./desk_modules.mjs";

const { tagPatch } = await deskModule("bulk_bar.js");
const { clockOf, instantOf, skippedTime } = await deskModule("feed_time.js");
const { EVERY_POST, matcher, namesOf } = await deskModule("post_matches_search.js");
const { postTitle, searchText } = await deskModule("post_title_and_search_text.js");

const post = {
  id: "p1", rev: 2, headline: "Kurtulmuş: “Köprü kapalı”", html: "<p>The <em>bridge</em> is shut &amp; guarded.</p>",
  key: true, tags: ["köprü"], authors: [{ name: "Kemal Işık" }], published_at: "2026-11-28T12:00:00.000Z",
  media: [{ type: "image", url: "/a.jpg", alt: "A closed bridge" }],
};
const other = { id: "p2", html: '<p title="a > b">un<b>believ</b>able</p><p>Second.</p>', published_at: "2026-11-28T10:00:00.000Z" };

test("a title is the headline, else the start of the text, without markup", () => {
  assert.equal(postTitle(post), post.headline);
  assert.equal(postTitle(other), "unbelievable Second.");
});

test("the desk titles posts as readers' pages do, for a table of untidy posts", () => {
  const table = JSON.parse(readFileSync(new URL("../fixtures/post_titles.json", import.meta.url), "utf8"));
  const said = table.map((row) => [row.what, postTitle(row.post)]);
  assert.deepEqual(said, table.map(({ what, says }) => [what, says]));
});

test("a search looks at every word of a post, without case and marks", () => {
  for (const text of ["kurtulmus", "KÖPRÜ kapali", "bridge guarded", "isik", "closed"]) {
    assert.ok(matcher({ ...EVERY_POST, text })(post), text);
    assert.ok(!matcher({ ...EVERY_POST, text })(other), text);
  }
  assert.ok(searchText(post).includes("shut & guarded"));
  assert.ok(matcher({ ...EVERY_POST, text: "believable" })(other));
});

test("filters: state, tag, author and time; none is every post", () => {
  assert.equal(matcher(EVERY_POST), null);
  const found = (choice) => [post, other].filter(matcher({ ...EVERY_POST, ...choice })).map(({ id }) => id);
  assert.deepEqual(found({ state: "key" }), ["p1"]);
  assert.deepEqual(found({ state: "picture" }), ["p1"]);
  assert.deepEqual(found({ state: "corrected" }), []);
  assert.deepEqual(found({ tag: "köprü" }), ["p1"]);
  assert.deepEqual(found({ author: "Kemal Işık" }), ["p1"]);
  assert.deepEqual(found({ from: "2026-11-28T11:00:00Z" }), ["p1"]);
  assert.deepEqual(found({ to: "2026-11-28T11:00:00Z" }), ["p2"]);
  assert.deepEqual(found({ tag: "köprü", text: "second" }), []);
  assert.deepEqual(namesOf([post, other]), { tags: ["köprü"], authors: ["Kemal Işık"] });
});

test("a clock time of a zone is one instant, also where the clock changes", () => {
  for (const zone of ["UTC", "Asia/Kathmandu", "America/New_York", "Europe/Berlin"]) {
    for (const at of ["2026-03-29T00:30:00.000Z", "2026-07-01T22:05:00.000Z", "2026-11-28T12:00:00.000Z"]) {
      assert.equal(instantOf(clockOf(at, zone), zone), at, `${zone} ${at}`);
    }
  }
  // Skipped by the zone, and twice in it.
  assert.equal(instantOf("2026-03-29T02:30", "Europe/Berlin"), "2026-03-29T01:30:00.000Z");
  assert.equal(instantOf("2026-10-25T02:30", "Europe/Berlin"), "2026-10-25T00:30:00.000Z");
  // Half typed, and too late: read again as they were written, and never thrown.
  for (const zone of ["UTC", "Asia/Kathmandu", "Pacific/Kiritimati"]) {
    for (const clock of ["0002-01-01T00:00", "0020-01-01T00:00", "0202-01-01T00:00", "9999-12-31T23:59", "12026-01-01T00:00", "275760-01-01T00:00"]) {
      assert.equal(clockOf(instantOf(clock, zone), zone), clock, `${zone} ${clock}`);
    }
  }
  assert.equal(skippedTime("2026-03-29T02:30", "Europe/Berlin"), "the clocks of Europe/Berlin skip this time: it would be 2026-03-29 03:30");
  for (const clock of ["", "2026-03-29T03:30", "2026-10-25T02:30", "0020-01-01T00:00"]) assert.equal(skippedTime(clock, "Europe/Berlin"), "");
});

test("tags are added and removed; what would change nothing is no change", () => {
  assert.deepEqual(tagPatch(["a"], ["b", "a"], []), { tags: ["a", "b"] });
  assert.deepEqual(tagPatch(["a", "b"], [], ["a"]), { tags: ["b"] });
  assert.deepEqual(tagPatch(["a"], ["a"], ["c"]), {});
});
