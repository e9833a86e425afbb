// The twins of the domain: fold, cursor, codes, held to the shared fixtures.
import assert from "node:assert/strict";
import { readFileSync, readdirSync } from "node:fs";
import { test } from "node:test";

import * as closeCodes from "../../client_demo/stop-press/close_codes.js";
import { formatCursor, parseCursor, reaches } from "../../client_demo/stop-press/cursor.js";
import { Gap, fold, fromSnapshot, ordered, withPage } from "../../client_demo/stop-press/fold.js";

const read = (path) => readFileSync(new URL(path, import.meta.url), "utf8");

for (const { name, snapshot, steps, expect } of JSON.parse(read("../fixtures/fold.json"))) {
  test(`fold: ${name}`, () => {
    const run = () =>
      steps.reduce(
        (state, step) => (step.page ? withPage(state, step.page) : fold(state, step)),
        fromSnapshot(snapshot),
      );
    if (expect.error) return assert.throws(run, Gap);
    const state = run();
    assert.equal(formatCursor(state.cursor), expect.cursor);
    assert.deepEqual(ordered(state), expect.posts);
    assert.equal(state.pinned?.id ?? null, expect.pinned);
    assert.deepEqual(state.floor, expect.floor);
    assert.equal(state.feed.title, expect.title);
  });
}

const kept = new URL("../fixtures/kept/", import.meta.url);

for (const file of readdirSync(kept).filter((name) => name.endsWith(".json"))) {
  test(`fold: what an open tab was told by ${file}`, () => {
    const { snapshots, line } = JSON.parse(readFileSync(new URL(file, kept), "utf8"));
    let state = fromSnapshot(snapshots.flood);
    const told = line.filter(({ feed, at }) => feed === "flood" && at);
    for (const message of told) state = fold(state, message);
    assert.equal(formatCursor(state.cursor), told.at(-1).cursor);
    assert.equal(state.posts.size, 2);
    assert.equal(state.feed.summary, "All of it.");
  });
}

test("a state is never changed in place", () => {
  const cases = JSON.parse(read("../fixtures/fold.json"));
  const { snapshot, steps } = cases.find(({ name }) => name === "withdrawn");
  const before = fromSnapshot(snapshot);
  fold(before, steps[0]);
  assert.deepEqual(before, fromSnapshot(snapshot));
});

test("a cursor is split at its last hyphen, and nothing else is one", () => {
  assert.deepEqual(parseCursor("k3v9-120"), { epoch: "k3v9", seq: 120 });
  assert.equal(formatCursor(parseCursor("0-0")), "0-0");
  for (const junk of ["", "k3v9", "-1", "k3v9-", "k3v9-01", "K-1", "a-b-1", "a-9007199254740993"]) {
    assert.throws(() => parseCursor(junk), RangeError, junk);
  }
});

test("cursors of two epochs do not compare", () => {
  assert(reaches(parseCursor("a-2"), parseCursor("a-2")));
  assert(!reaches(parseCursor("a-1"), parseCursor("a-2")));
  assert(!reaches(parseCursor("b-9"), parseCursor("a-2")));
});

const { BROKEN, codeOfStatus, isFinal, ...CODES } = closeCodes;

test("the table of codes is the server's", () => {
  const page = read("../../docs/protocol.md");
  const rows = [...page.matchAll(/^\| (\d{4}) \| ([A-Z_]+) \|/gm)];
  const table = Object.fromEntries(rows.map(([, code, name]) => [name, Number(code)]));
  assert.deepEqual(CODES, table);
  for (const code of Object.values(CODES)) assert.equal(isFinal(code), code >= 4400);
});

test("an HTTP status says what the code of a socket says", () => {
  assert.equal(codeOfStatus(204), CODES.ENDED);
  assert.equal(codeOfStatus(404), CODES.NOT_FOUND);
  assert.equal(codeOfStatus(429), CODES.TOO_MANY);
  for (const status of [500, 502, 503, 0]) assert(!isFinal(codeOfStatus(status)));
});
