/**
 * Tags and authors of earlier posts, one click from the field.
 *
 * Rules: the names come from the feed's posts that are loaded; a click adds the name, or
 * takes it away; only names that fit what is being typed are offered.
 * @module
 */

import { appendButton } from "./append_element.js";
import { foldedText } from "./post_title_and_search_text.js";

const OFFERED = 8;

export class RememberedNames {
  /**
   * @param {HTMLElement} row where they are offered
   * @param {HTMLInputElement | HTMLTextAreaElement} field
   * @param {string} between what stands between two names in the field
   * @param {() => string[]} names the most used first
   */
  constructor(row, field, between, names) {
    this.#row = row;
    this.#field = field;
    this.#between = between;
    this.#names = names;
    for (const kind of ["focus", "input"]) field.addEventListener(kind, () => this.#offer());
  }

  #row;
  #field;
  #between;
  #names;

  #typed() {
    return this.#field.value.split(this.#between.trim() || this.#between).map((part) => part.trim());
  }

  #offer() {
    const typed = this.#typed();
    const begun = foldedText(typed.at(-1) ?? "");
    const others = this.#names().filter((name) => !typed.includes(name));
    const fitting = others.filter((name) => !begun || foldedText(name).includes(begun));
    this.#row.replaceChildren();
    for (const name of fitting.slice(0, OFFERED)) {
      appendButton(this.#row, name, () => this.#add(name)).dir = "auto";
    }
  }

  /** @param {string} name */
  #add(name) {
    const typed = this.#typed().filter(Boolean);
    const last = typed.at(-1);
    // What was begun of the name is replaced by it.
    if (last && foldedText(name).includes(foldedText(last)) && !this.#names().includes(last)) typed.pop();
    this.#field.value = [...typed, name].join(this.#between) + this.#between;
    this.#field.dispatchEvent(new Event("input", { bubbles: true }));
    this.#field.focus();
  }
}

/**
 * Names by how often they come, the most used first.
 * @param {Iterable<string>} all
 * @returns {string[]}
 */
export function byUse(all) {
  /** @type {Map<string, number>} */ const counts = new Map();
  for (const name of all) counts.set(name, (counts.get(name) ?? 0) + 1);
  return [...counts].sort((one, other) => other[1] - one[1]).map(([name]) => name);
}
