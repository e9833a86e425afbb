/**
 * What the editor must decide before an entry may be sent: members that both changed, each
 * with the version before, mine and theirs; or that its post was withdrawn meanwhile.
 *
 * The form holds the chosen version. A choice is a click on it, never a repeated key press.
 * @module
 */

import { appendElement } from "./append_element.js";
import { FIELDS } from "./post_field_table.js";

/**
 * @typedef {import("./post_field_table.js").Name} Name
 * @typedef {{name: Name, before?: any, other: any, whose: "theirs" | "yours",
 *   decided?: boolean}} Conflict `other`: the value that is not in the form, and `whose` it is.
 * @typedef {{swap: (name: Name, value: any) => any, decided: () => void,
 *   asNew: () => void}} Decisions `swap` puts a value into the form and returns the one
 *   before; `decided`: a choice was made; `asNew`: the withdrawn post's text is to be new.
 */

export class ConflictView {
  /**
   * @param {HTMLElement} panel
   * @param {Decisions} decisions
   */
  constructor(panel, decisions) {
    this.#panel = panel;
    this.#title = /** @type {HTMLElement} */ (panel.querySelector("[data-title]"));
    this.#list = /** @type {HTMLElement} */ (panel.querySelector("[data-list]"));
    this.#decisions = decisions;
  }

  #panel;
  #title;
  #list;
  #decisions;
  /** @type {Conflict[]} */ all = [];

  /**
   * @param {Conflict[]} conflicts
   * @param {boolean} [isWithdrawn]
   */
  show(conflicts, isWithdrawn = false) {
    this.all = conflicts;
    this.#panel.hidden = !conflicts.length && !isWithdrawn;
    this.#list.replaceChildren();
    if (isWithdrawn) return this.#drawWithdrawn();
    this.#title.textContent = "Someone else changed this too: choose a version of each";
    for (const conflict of conflicts) this.#draw(conflict);
  }

  /** Lead the editor to what is not decided. */
  focus() {
    const open = this.#list.querySelector('[data-open="true"] button, button');
    /** @type {HTMLElement | null} */ (open)?.focus();
    this.#panel.scrollIntoView({ block: "nearest" });
  }

  #drawWithdrawn() {
    this.#title.textContent = "This post was withdrawn meanwhile";
    const text = "What you see here is on no reader's page. To publish it again, make it a new post first.";
    appendElement(this.#list, "p", "", text);
    const button = appendElement(this.#list, "button", "", "Make it a new post");
    button.setAttribute("type", "button");
    button.addEventListener("click", () => this.#decisions.asNew());
  }

  /** @param {Conflict} conflict */
  #draw(conflict) {
    const row = appendElement(this.#list, "div", "conflict");
    row.setAttribute("role", "group");
    row.setAttribute("aria-label", FIELDS[conflict.name].label);
    appendElement(row, "h4", "", FIELDS[conflict.name].label);
    const versions = appendElement(row, "dl", "versions");
    if (conflict.before !== undefined) appendVersion(versions, "Before", conflict.before);
    const other = appendVersion(versions, "", "");
    const acts = appendElement(row, "p", "acts");
    const keep = appendElement(acts, "button", "", "");
    const use = appendElement(acts, "button", "", "");
    const show = () => {
      row.dataset.open = String(!conflict.decided);
      other.label.textContent = conflict.whose === "theirs" ? "Theirs" : "Yours";
      other.text.textContent = textOf(conflict.other) || "(empty)";
      const mine = conflict.whose === "theirs" ? "yours" : "theirs";
      keep.textContent = `Keep ${mine}, in the form`;
      use.textContent = `Use ${conflict.whose}`;
      keep.setAttribute("aria-pressed", String(!!conflict.decided));
    };
    const decide = () => {
      conflict.decided = true;
      show();
      this.#decisions.decided();
    };
    for (const button of [keep, use]) button.setAttribute("type", "button");
    keep.addEventListener("click", decide);
    use.addEventListener("click", () => {
      conflict.other = this.#decisions.swap(conflict.name, conflict.other);
      conflict.whose = conflict.whose === "theirs" ? "yours" : "theirs";
      decide();
    });
    show();
  }
}

/**
 * @param {HTMLElement} list
 * @param {string} label
 * @param {any} value
 */
function appendVersion(list, label, value) {
  const term = appendElement(list, "dt", "", label);
  const text = appendElement(list, "dd", "", textOf(value) || "(empty)");
  text.dir = "auto";
  text.tabIndex = 0;
  return { label: term, text };
}

/**
 * @param {any} value
 * @returns {string}
 */
function textOf(value) {
  if (value === null) return "";
  if (typeof value === "boolean") return value ? "yes" : "no";
  if (Array.isArray(value)) return value.map(textOf).join("\n");
  if (typeof value === "object") return Object.values(value).join(" ");
  return String(value);
}
