/**
 * What both sides changed: theirs beside the form, mine in it, until one is taken.
 * @module
 */

import { add } from "./posts.js";

import { FIELDS } from "./post_fields.js";

/**
 * @typedef {import("./post_fields.js").Name} Name
 * @typedef {{name: Name, other: any, whose: "theirs" | "yours"}} Dispute
 */

export class Disputed {
  /**
   * @param {HTMLElement} panel
   * @param {(name: Name, value: any) => any} swap puts a value into the form;
   *   gives what was there
   */
  constructor(panel, swap) {
    this.#panel = panel;
    this.#list = /** @type {HTMLElement} */ (panel.querySelector("[data-list]"));
    this.#swap = swap;
  }

  #panel;
  #list;
  #swap;
  /** @type {Dispute[]} */ all = [];

  /** @param {Dispute[]} disputes */
  show(disputes) {
    this.all = disputes;
    this.#panel.hidden = !disputes.length;
    this.#list.replaceChildren();
    for (const dispute of disputes) this.#draw(dispute);
  }

  /** @param {Dispute} dispute */
  #draw(dispute) {
    const row = add(this.#list, "div", "dispute");
    const title = add(row, "h4", "");
    const text = add(row, "pre", "");
    text.dir = "auto";
    text.tabIndex = 0;
    const button = add(row, "button", "");
    button.setAttribute("type", "button");
    const show = () => {
      title.textContent = `${FIELDS[dispute.name].label}: ${dispute.whose}`;
      text.textContent = textOf(dispute.other) || "(empty)";
      button.textContent = `Use ${dispute.whose}`;
    };
    button.addEventListener("click", () => {
      dispute.other = this.#swap(dispute.name, dispute.other);
      dispute.whose = dispute.whose === "theirs" ? "yours" : "theirs";
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
