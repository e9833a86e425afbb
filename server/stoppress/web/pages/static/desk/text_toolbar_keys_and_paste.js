/**
 * The buttons over the text, their keys, lists that go on with Enter, and pasted HTML as
 * Markdown.
 *
 * Rules: every change is one step of the browser's own undo; what can't be converted is
 * pasted as its plain text.
 * @module
 */

import { MAX_PASTE } from "./refuse_oversized_input_and_drops.js";
import { edited, nextItem } from "./markdown_edits.js";
import { isFormatted, markdownFromHtml } from "./markdown_from_html.js";
import { trustedHtml } from "./trusted_types.js";

/** @typedef {import("./markdown_edits.js").EditName} EditName */

const KEYS = /** @type {{[key: string]: EditName}} */ ({ b: "bold", i: "italic", k: "link" });
/** Markup that is looked at; the rest of a word processor's page is style sheets. */
const MAX_HTML = 1_000_000;

/**
 * @param {HTMLElement} bar
 * @param {HTMLTextAreaElement} field
 */
export function setUpTextToolbar(bar, field) {
  bar.addEventListener("click", ({ target }) => {
    const name = target instanceof Element ? target.closest("button")?.dataset.edit : undefined;
    if (name) edit(field, /** @type {EditName} */ (name));
  });
  field.addEventListener("keydown", (event) => onKey(field, event));
  field.addEventListener("paste", (event) => onPaste(field, event));
}

/**
 * @param {HTMLTextAreaElement} field
 * @param {EditName} name
 */
function edit(field, name) {
  const { value: text, selectionStart: start, selectionEnd: end } = field;
  const after = edited(name, { text, start, end });
  // Only what differs is replaced, so that undo brings back no more than that.
  let from = 0;
  while (from < text.length && text[from] === after.text[from]) from++;
  let kept = 0;
  const most = Math.min(text.length, after.text.length) - from;
  while (kept < most && text.at(-1 - kept) === after.text.at(-1 - kept)) kept++;
  replaceText(field, from, text.length - kept, after.text.slice(from, after.text.length - kept));
  field.setSelectionRange(after.start, after.end);
}

/**
 * Replace a range of the text, as one step of undo.
 * @param {HTMLTextAreaElement} field
 * @param {number} start
 * @param {number} end
 * @param {string} text
 */
export function replaceText(field, start, end, text) {
  field.focus();
  field.setSelectionRange(start, end);
  insert(field, text);
}

/**
 * In place of the selection, as if it was typed.
 * @param {HTMLTextAreaElement} field
 * @param {string} text
 */
function insert(field, text) {
  const { selectionStart, selectionEnd } = field;
  if (!text && selectionStart === selectionEnd) return;
  // The only way that undo knows; where it is missing the text is set, and can't be undone.
  if (document.execCommand(text ? "insertText" : "delete", false, text)) return;
  field.setRangeText(text, selectionStart, selectionEnd, "end");
  field.dispatchEvent(new Event("input", { bubbles: true }));
}

/**
 * @param {HTMLTextAreaElement} field
 * @param {KeyboardEvent} event
 */
function onKey(field, event) {
  const { key, ctrlKey, metaKey, altKey, shiftKey, isComposing } = event;
  if (isComposing || altKey) return;
  if (ctrlKey || metaKey) {
    const name = shiftKey ? undefined : KEYS[key.toLowerCase()];
    if (!name) return;
    event.preventDefault();
    return edit(field, name);
  }
  if (key !== "Enter" || shiftKey || field.selectionStart !== field.selectionEnd) return;
  const before = field.value.slice(0, field.selectionStart);
  const line = before.slice(before.lastIndexOf("\n") + 1);
  const next = nextItem(line);
  if (next === "") return;
  event.preventDefault();
  if (next === null) {
    field.setSelectionRange(field.selectionStart - line.length, field.selectionStart);
    insert(field, "");
  } else insert(field, `\n${next}`);
}

/**
 * @param {HTMLTextAreaElement} field
 * @param {ClipboardEvent} event
 */
function onPaste(field, event) {
  const data = event.clipboardData;
  if (!data) return;
  const [html, plain] = ["text/html", "text/plain"].map((type) => data.getData(type));
  // A spreadsheet brings a picture of its cells too: the text is what is meant.
  if (data.files.length && !plain) return;
  if (!html || html.length > MAX_HTML || plain.length > MAX_PASTE || !isFormatted(html)) return;
  // The page that is parsed here is never shown; nothing in it runs.
  const text = markdownFromHtml(new DOMParser().parseFromString(trustedHtml(html), "text/html").body);
  if (!text || text.length > MAX_PASTE) return;
  event.preventDefault();
  insert(field, text);
}
