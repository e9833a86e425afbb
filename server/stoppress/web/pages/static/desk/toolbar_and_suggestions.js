/**
 * What helps in writing: the buttons over the text, and names of earlier posts.
 * @module
 */

import { byId } from "./status_messages_and_questions.js";
import { RememberedNames, byUse } from "./suggest_tags_and_authors.js";
import { setUpTextToolbar } from "./text_toolbar_keys_and_paste.js";

/** @typedef {import("../stop-press/fold.js").Post} Post */

/** @param {() => Iterable<Post>} posts those that are loaded */
export function setUpWriting(posts) {
  const form = byId("write");
  setUpTextToolbar(form.querySelector(".toolbar"), form.elements.body);
  const all = () => [...posts()];
  new RememberedNames(byId("offered-tags"), form.elements.tags, ", ", () =>
    byUse(all().flatMap(({ tags = [] }) => tags)),
  );
  new RememberedNames(byId("offered-authors"), form.elements.authors, "\n", () =>
    byUse(all().flatMap(({ authors = [] }) => authors.map((/** @type {any} */ { name, url }) => (url ? `${name} ${url}` : name)))),
  );
}

/**
 * Put a line at the end of the summary, for the editor to save.
 * @param {string} line
 */
export function addToSummary(line) {
  const field = byId("summary-form").elements.summary;
  field.value = [field.value.trimEnd(), `- ${line}`].filter(Boolean).join("\n");
  field.dispatchEvent(new Event("input", { bubbles: true }));
  byId("summary").open = true;
  byId("summary-status").textContent = "Not saved yet: readers see it once you save.";
  field.focus();
  field.setSelectionRange(field.value.length - line.length, field.value.length);
}
