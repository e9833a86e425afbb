/**
 * Templates: texts that an editor keeps to begin with, in this browser, for this person.
 *
 * Rules: a template fills an empty composer; in one that holds a text it is put at the end
 * of the text, and nothing else is touched.
 * @module
 */

import { appendButton, appendElement } from "./append_element.js";
import { answerOf, byId } from "./status_messages_and_questions.js";
import { isUntouched } from "./outbox_entry.js";

/**
 * @typedef {import("./post_field_table.js").Draft} Draft
 * @typedef {{name: string, draft: Draft}} Template
 */

const MOST = 50;

export class TextTemplates {
  /**
   * @param {string} person
   * @param {import("./composer.js").Composer} composer
   */
  constructor(person, composer) {
    this.#key = `stop-press-templates:${person}`;
    this.#composer = composer;
    byId("open-templates").addEventListener("click", () => this.#open());
  }

  #key;
  #composer;

  /** @returns {Template[]} */
  #all() {
    try {
      return JSON.parse(localStorage.getItem(this.#key) ?? "[]");
    } catch {
      return [];
    }
  }

  /** @param {Template[]} all */
  #keep(all) {
    try {
      localStorage.setItem(this.#key, JSON.stringify(all));
      return "";
    } catch {
      return "This browser keeps no templates.";
    }
  }

  async #open() {
    const dialog = byId("templates");
    this.#draw("");
    const form = dialog.querySelector("form");
    form.reset();
    if ((await answerOf(dialog)) !== "keep") return;
    const name = form.elements.name.value.trim();
    const others = this.#all().filter((each) => each.name !== name);
    if (name) this.#keep([{ name, draft: this.#composer.entry.draft }, ...others].slice(0, MOST));
  }

  /** @param {string} trouble */
  #draw(trouble) {
    const list = byId("template-list");
    list.replaceChildren();
    const all = this.#all();
    if (!all.length) appendElement(list, "li", "empty", trouble || "None yet. Write a text, then keep it here.");
    for (const template of all) {
      const row = appendElement(list, "li", "");
      appendButton(row, template.name, () => {
        byId("templates").close("");
        const { entry } = this.#composer;
        this.#composer.fill(withTemplate(entry.draft, template.draft, !entry.base && isUntouched(entry)));
      }).dir = "auto";
      const remove = appendButton(row, "Remove", () => {
        this.#draw(this.#keep(all.filter((each) => each !== template)));
      });
      remove.className = "plain";
      remove.setAttribute("aria-label", `Remove ${template.name}`);
    }
  }
}

/**
 * What a template makes of a draft.
 * @param {Draft} draft
 * @param {Draft} template
 * @param {boolean} isEmpty whether nothing was written yet
 * @returns {Draft}
 */
export function withTemplate(draft, template, isEmpty) {
  if (isEmpty) return { ...draft, ...template };
  const body = [draft.body, template.body].filter(Boolean).join("\n\n");
  return { ...draft, body };
}
