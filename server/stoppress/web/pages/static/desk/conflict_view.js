/**
 * Members that both sides changed: the form holds mine, this panel theirs; a button swaps them.
 * @module
 */

import { appendElement } from "./desk_post_list.js";
import { FIELDS } from "./post_fields.js";

/**
 * @typedef {import("./post_fields.js").Name} Name
 * @typedef {{name: Name, other: any, whose: "theirs" | "yours"}} Conflict `other`: the value
 *   that is not in the form, and `whose` it is.
 */

export class ConflictView {
  /**
   * @param {HTMLElement} panel
   * @param {(name: Name, value: any) => any} swap puts a value into the form and
   *   returns the one before
   */
  constructor(panel, swap) {
    this.#panel = panel;
    this.#list = /** @type {HTMLElement} */ (panel.querySelector("[data-list]"));
    this.#swap = swap;
  }

  #panel;
  #list;
  #swap;
  /** @type {Conflict[]} */ all = [];

  /** @param {Conflict[]} conflicts */
  show(conflicts) {
    this.all = conflicts;
    this.#panel.hidden = !conflicts.length;
    this.#list.replaceChildren();
    for (const conflict of conflicts) this.#draw(conflict);
  }

  /** @param {Conflict} conflict */
  #draw(conflict) {
    const row = appendElement(this.#list, "div", "conflict");
    const title = appendElement(row, "h4", "");
    const text = appendElement(row, "pre", "");
    text.dir = "auto";
    text.tabIndex = 0;
    const button = appendElement(row, "button", "");
    button.setAttribute("type", "button");
    const show = () => {
      title.textContent = `${FIELDS[conflict.name].label}: ${conflict.whose}`;
      text.textContent = textOf(conflict.other) || "(empty)";
      button.textContent = `Use ${conflict.whose}`;
    };
    button.addEventListener("click", () => {
      conflict.other = this.#swap(conflict.name, conflict.other);
      conflict.whose = conflict.whose === "theirs" ? "yours" : "theirs";
      show();
    });
    show();
  }
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
