// Writing at the desk without a page: the toolbar, pasted HTML, templates, differences.
import assert from "node:assert/strict";
import { test } from "node:test";

import { deskModule } from "./desk_modules.mjs";

const { edited, nextItem } = await deskModule("markdown_edits.js");
const { isFormatted, markdownFromHtml } = await deskModule("markdown_from_html.js");
const { differences } = await deskModule("text_differences.js");
const { byUse } = await deskModule("suggest_tags_and_authors.js");
const { withTemplate } = await deskModule("text_templates.js");
const { EMPTY_DRAFT } = await deskModule("post_field_table.js");
const { newEntry, isUntouched, completed, queued } = await deskModule("outbox_entry.js");

/** A text with its selection between bars: "a |word| more". */
const marked = (text) => {
  const [before, inside, after] = text.split("|");
  return { text: before + inside + after, start: before.length, end: before.length + inside.length };
};
const shown = ({ text, start, end }) => `${text.slice(0, start)}|${text.slice(start, end)}|${text.slice(end)}`;

test("the buttons put Markdown around and before, and take it away again", () => {
  for (const [name, before, after] of [
    ["bold", "a |word| more", "a **|word|** more"],
    ["italic", "a **|word|** more", "a ***|word|*** more"],
    ["bold", "a || more", "a **||** more"],
    ["list", "One\n|Two\nThree|\nFour", "One\n|- Two\n- Three|\nFour"],
    ["quote", "|One\n\nTwo|", "|> One\n\n> Two|"],
    ["numbers", "|One\nTwo|", "|1. One\n2. Two|"],
    ["heading", "|Title|", "|### Title|"],
    ["bold", "|- a\n- b c \n\n> d|", "|- **a**\n- **b c** \n\n> **d**|"],
    ["italic", "One |two\nthree| four", "One |*two*\n*three*| four"],
    ["bold", "|a  \n\n 2. b|", "|**a**  \n\n 2. **b**|"],
    ["bold", "|a\n   \n# b|", "|**a**\n   \n# **b**|"],
  ]) {
    const made = edited(name, marked(before));
    assert.equal(shown(made), after, name);
    assert.equal(edited(name, made).text, marked(before).text, `${name} undone`);
  }
  assert.equal(shown(edited("bold", marked("a | word |more"))), "a  **|word|** more");
  assert.equal(shown(edited("bold", marked("a |word\n| more"))), "a **|word|**\n more");
  const blanks = " ".repeat(60_000);
  assert.equal(edited("bold", { text: `a${blanks}b\nc`, start: 0, end: 60_004 }).text, `**a${blanks}b**\n**c**`);
  assert.equal(shown(edited("link", marked("see |there|."))), "see [there](|https://|).");
  assert.equal(shown(edited("link", marked("|https://a.example|"))), "[||](https://a.example)");
});

test("Enter goes on with a list, and ends it at an empty item", () => {
  assert.equal(nextItem("- one"), "- ");
  assert.equal(nextItem("  * one"), "  * ");
  assert.equal(nextItem("9. one"), "10. ");
  assert.equal(nextItem("> said"), "> ");
  assert.equal(nextItem("- "), null);
  assert.equal(nextItem("1986. A year"), "1987. ");
  assert.equal(nextItem("plain"), "");
});

/** A tree as a parser makes it: a text, or [name, attributes, ...children]. */
const tree = (node) =>
  typeof node === "string"
    ? { nodeName: "#text", nodeValue: node, childNodes: [] }
    : { nodeName: node[0], getAttribute: (name) => node[1][name] ?? null, childNodes: node.slice(2).map(tree) };
const from = (...nodes) => markdownFromHtml(tree(["BODY", {}, ...nodes]));

test("pasted HTML keeps what a post may have, and nothing else", () => {
  assert.equal(from(["P", {}, "The ", ["B", {}, "pumps "], "work."], ["P", {}, "Since ", ["EM", {}, "nine"], "."]), "The **pumps** work.\n\nSince *nine*.");
  assert.equal(from(["A", { href: "https://a.example/x" }, "there"], " ", ["A", { href: "javascript:x" }, "here"]), "[there](https://a.example/x) here");
  assert.equal(from(["UL", {}, ["LI", {}, "One", ["UL", {}, ["LI", {}, "In it"]]], ["LI", {}, "Two"]]), "- One\n  - In it\n- Two");
  assert.equal(from(["OL", {}, ["LI", {}, "One"], ["LI", {}, "Two"]]), "1. One\n2. Two");
  assert.equal(from(["H1", {}, "Title"], ["BLOCKQUOTE", {}, ["P", {}, "Said."], ["P", {}, "More."]]), "### Title\n\n> Said.\n>\n> More.");
  assert.equal(from(["TABLE", {}, ["TR", {}, ["TH", {}, "a"], ["TH", {}, "b|c"]], ["TR", {}, ["TD", {}, "1"]]]), "| a | b\\|c |\n| --- | --- |\n| 1 |  |");
  assert.equal(from(["B", { style: "font-weight:normal" }, ["P", {}, ["SPAN", { style: "font-weight:700" }, "Bold"], " only"]]), "**Bold** only");
  assert.equal(from("a", ["BR", {}], "b", ["IMG", { src: "x" }], ["SCRIPT", {}, "x"]), "a\\\nb");
  assert.equal(from(["P", {}, "1. no list, *no* [link] <b>"]), "1\\. no list, \\*no\\* \\[link\\] \\<b>");
  assert.equal(from(["P", {}, ["B", {}, "Break"], ["SPAN", { style: "font-weight:700" }, "ing"], ["I", {}, "a"], ["I", {}, "b"], " ", ["B", {}, "c"], " ", ["B", {}, "d"]]), "**Breaking***ab* **c** **d**");
  assert.equal(from(["P", {}, "https://e.example/a_b_c and a_b, *x* https://e.example/[d]"]), "https://e.example/a_b_c and a\\_b, \\*x\\* https://e.example/\\[d\\]");
  assert.equal(from(["OL", { start: "3" }, ["LI", {}, "c"], ["LI", {}, "d"]]), "3. c\n4. d");
  assert.equal(from(["P", {}, "&copy; ~~10~~ a ~ b & c"]), "\\&copy; \\~~10\\~~ a ~ b & c");
  assert.ok(isFormatted("<p>a <b>b</b></p>") && !isFormatted("<div>a</div><div>b</div>"));
});

test("lists and tables of word processors and spreadsheets stay what they are", () => {
  // Word: each item a paragraph, its mark in a part of its own.
  const item = (mark, text, level = 1) => ["P", { class: "MsoListParagraph", style: `text-indent:-.25in;mso-list:l0 level${level} lfo1` },
    ["SPAN", { style: "font-family:Symbol" }, ["SPAN", { style: "mso-list:Ignore" }, mark, ["SPAN", {}, "\u00a0\u00a0 "]]], ["B", {}, text], ["O:P", {}]];
  assert.equal(from(item("\u00b7", "One"), item("o", "In it", 2), item("\u00b7", "Two")), "- **One**\n\n   - **In it**\n\n- **Two**");
  assert.equal(from(item("1.", "One"), item("2)", "Two")), "1. **One**\n\n2. **Two**");
  // Google Docs and Word: paragraphs in cells.
  const cell = (...texts) => ["TD", {}, ...texts.map((text) => ["P", {}, ["SPAN", {}, text]])];
  assert.equal(from(["TABLE", {}, ["COL", {}], ["TBODY", {}, ["TR", {}, cell("Lock", "north"), cell("3")], ["TR", {}, cell("Ferry"), cell("# 4")]]]),
    "| Lock north | 3 |\n| --- | --- |\n| Ferry | \\# 4 |");
  assert.equal(from(["STYLE", {}, ".xl65{}"], ["P", { dir: "RTL" }, ["SPAN", { lang: "AR-SA" }, "سوق ", ["B", {}, "السمك"]]]), "سوق **السمك**");
  assert.ok(isFormatted("<p style='mso-list:l0 level1 lfo1'>a"));
});

test("a pasted page of blanks and breaks is read in one pass", () => {
  const blanks = "\u00a0".repeat(300_000);
  assert.equal(from(["B", {}, `${blanks}x${blanks}y`]), `**x${blanks}y**`);
  const breaks = Array.from({ length: 50_000 }, () => ["BR", {}]);
  assert.equal(from("a", ...breaks, "b"), `a${"\\\n".repeat(50_000)}b`);
  assert.equal(from("a", ...breaks), "a");
  assert.equal(from("a\\", ["BR", {}], " ", ["BR", {}]), "a\\\\");
});

test("differences name what went and what came, and together are both texts", () => {
  const [before, after] = ["Two people were hurt at the lock.", "Three people were badly hurt at the lock."];
  const found = differences(before, after);
  const side = (kind) => found.filter((part) => part.kind !== kind).map(({ text }) => text).join("");
  assert.equal(side("added"), before);
  assert.equal(side("removed"), after);
  assert.deepEqual(found.filter(({ kind }) => kind === "added").map(({ text }) => text.trim()), ["Three", "badly"]);
  assert.deepEqual(differences("same", "same"), [{ kind: "same", text: "same" }]);
  const long = "word ".repeat(20_000);
  assert.equal(differences(long, `${long}more`).at(-1).kind, "added");
});

test("a template fills what is empty, and only adds to a text", () => {
  const template = { ...EMPTY_DRAFT, headline: "Goal", body: "Minute:", tags: ["goal"] };
  assert.equal(withTemplate(EMPTY_DRAFT, template, true).headline, "Goal");
  const written = { ...EMPTY_DRAFT, headline: "Mine", body: "Text." };
  assert.deepEqual(withTemplate(written, template, false), { ...written, body: "Text.\n\nMinute:" });
  assert.deepEqual(byUse(["a", "b", "b"]), ["b", "a"]);
});

test("notes are no part of what is sent; entries of other releases are completed", () => {
  const entry = { ...newEntry("me", "x"), notes: "Ring Ada." };
  assert.ok(!isUntouched(entry));
  assert.equal(queued(entry, 1), null);
  const sent = queued({ ...entry, draft: { ...EMPTY_DRAFT, body: "Out." } }, 1);
  assert.ok(!JSON.stringify(sent.attempt).includes("Ada"));
  const { published_at, ...former } = EMPTY_DRAFT;
  assert.ok(isUntouched(completed({ ...newEntry("me", "x"), draft: former })));
});

test("a comment is written on an open draft of the desk alone, and is no part of its text", async () => {
  const { commentCount, hasComment } = await deskModule("draft_comments.js");
  const entry = { ...newEntry("me", "x"), comment: "Who says so?" };
  assert.ok(!hasComment(entry));
  assert.ok(hasComment({ ...entry, shared: { id: "d", rev: 1, state: "draft" } }));
  assert.ok(!hasComment({ ...entry, comment: " \n", shared: { id: "d", rev: 1, state: "draft" } }));
  assert.ok(!isUntouched(entry));
  const sent = queued({ ...entry, draft: { ...EMPTY_DRAFT, body: "Out." } }, 1);
  assert.ok(!JSON.stringify(sent.attempt).includes("Who"));
  assert.deepEqual([{}, { comments: [1] }, { comments: [1, 2] }].map(commentCount), ["", "1 comment", "2 comments"]);
});

test("an address is offered as a card where it stands alone", async () => {
  const { isAlone, lineOf, loneAddress } = await deskModule("link_card_offer.js");
  assert.equal(loneAddress(" https://a.example/x?y=1#z\n"), "https://a.example/x?y=1#z");
  for (const text of ["", "a.example", "ftp://a.example/", "https://a.example and more", "mailto:a@b.example", `https://a.example/${"x".repeat(2000)}`]) {
    assert.equal(loneAddress(text), "");
  }
  assert.ok(isAlone("", 0, 0));
  assert.ok(isAlone("One.\n\n  \nTwo.", 7, 7));
  assert.ok(isAlone("old", 0, 3));
  assert.ok(!isAlone("See ", 4, 4));
  assert.ok(!isAlone("and more", 0, 0));
  const [start, end] = lineOf("One.\n\nhttps://a.example/\n\nTwo.", "https://a.example/");
  assert.equal("One.\n\nhttps://a.example/\n\nTwo.".slice(start, end), "https://a.example/\n\n");
  assert.equal(lineOf("See https://a.example/", "https://a.example/"), null);
});
