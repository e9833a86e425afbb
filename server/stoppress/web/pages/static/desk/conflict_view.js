/**
 * What both sides changed: theirs beside the form, mine in it, until one is taken.
 * @module
 */

import { add } from "./desk_post_list.js";

/**
 * @typedef {keyof import("./three_way_merge.js").Draft} Member
 * @typedef {{name: Member, other: any, whose: "theirs" | "yours"}} Dispute
 */

const LABELS = /** @type {{[name in Member]: string}} */ ({
  headline: "Headline",
  body: "Text",
  key: "Key event",
  breaking: "Breaking",
  pinned: "Pinned",
  tags: "Tags",
  authors: "Authors",
  source: "Source",
  media: "Pictures, quotes, links",
  language: "Language",
  direction: "Direction",
  correction: "Correction",
});

export class Disputed {
  /**
   * @param {HTMLElement} panel
   * @param {(name: Member, value: any) => any} swap puts a value into the form;
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
      title.textContent = `${LABELS[dispute.name]}: ${dispute.whose}`;
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
