/**
 * The outbox as the editor sees it: a card for each entry that is not in the composer.
 * @module
 */

import { appendElement } from "./append_element.js";
import { entryTitle } from "./outbox_entry.js";
import { ROOT } from "./repeat_request_until_outcome.js";

/**
 * @typedef {import("./outbox_entry.js").Entry} Entry
 * @typedef {{open: (id: string) => void, discard: (entry: Entry) => void,
 *   readers: () => number | null}} CardActions
 */

const TEXTS = {
  draft: "Draft",
  queued: "Waiting",
  conflict: "Someone else changed this post too: decide",
  withdrawn: "Its post was withdrawn meanwhile: decide",
};
const OPEN = { draft: "Open", queued: "Take back", refused: "Open", conflict: "Decide", withdrawn: "Decide" };

export class OutboxCards {
  /**
   * @param {HTMLElement} panel
   * @param {import("./entry_store.js").EntryStore} store
   * @param {CardActions} actions
   */
  constructor(panel, store, actions) {
    this.#panel = panel;
    this.#list = /** @type {HTMLElement} */ (panel.querySelector("ol"));
    this.#store = store;
    this.#actions = actions;
  }

  #panel;
  #list;
  #store;
  #actions;
  /** @type {Map<string, HTMLElement>} */ #rows = new Map();

  /**
   * @param {string} feed
   * @param {string} openId the entry in the composer
   * @returns {number} how many cards there are
   */
  show(feed, openId) {
    const entries = this.#store.all(feed).filter(({ id }) => id !== openId);
    this.#panel.hidden = !entries.length;
    const before = this.#rows;
    this.#rows = new Map();
    for (const entry of entries) {
      const row = before.get(entry.id) ?? this.#makeRow(entry.id);
      before.delete(entry.id);
      this.#rows.set(entry.id, row);
      this.#fill(row, entry);
      this.#list.append(row);
    }
    for (const row of before.values()) row.remove();
    return entries.length;
  }

  /**
   * The last text that was sent, in one line beside the button that sends.
   * @param {HTMLElement} line
   * @param {string} id
   */
  showSent(line, id) {
    const entry = this.#store.get(id);
    // A text that is out is forgotten after a while; one that was taken back is told here no more.
    const text = entry && entry.state !== "draft" ? `${this.#stateText(entry)}: “${entryTitle(entry)}”` : "";
    setText(line, text);
    line.dataset.state = entry?.state ?? "";
  }

  /** @param {Entry} entry */
  #stateText({ id, state, reason }) {
    const readers = this.#actions.readers();
    const seen = readers === null ? "Out" : `Out, with ${readers.toLocaleString("en")} reading`;
    const text = { ...TEXTS, refused: `Refused: ${reason}`, out: seen }[state];
    return (state === "queued" && this.#store.status(id)) || text;
  }

  /** @param {string} id */
  #makeRow(id) {
    const row = document.createElement("li");
    row.dataset.entry = id;
    const title = appendElement(row, "p", "title");
    title.dir = "auto";
    title.id = `entry-${id}`;
    appendElement(row, "p", "state").setAttribute("role", "status");
    const acts = appendElement(row, "p", "acts");
    for (const name of ["open", "discard"]) {
      const button = appendElement(acts, "button", name);
      button.setAttribute("type", "button");
      button.setAttribute("aria-describedby", title.id);
    }
    part(row, "open").addEventListener("click", () => this.#actions.open(id));
    part(row, "discard").addEventListener("click", () => {
      const entry = this.#store.get(id);
      if (entry) this.#actions.discard(entry);
    });
    part(row, "discard").textContent = "Discard";
    const link = appendElement(acts, "a", "link", "See it");
    link.setAttribute("target", "_blank");
    return row;
  }

  /**
   * @param {HTMLElement} row
   * @param {Entry} entry
   */
  #fill(row, entry) {
    const { feed, state, postId } = entry;
    row.dataset.state = state;
    setText(part(row, "title"), entryTitle(entry));
    setText(part(row, "state"), this.#stateText(entry));
    const open = part(row, "open");
    open.hidden = state === "out";
    setText(open, state === "out" ? "" : OPEN[state]);
    part(row, "discard").hidden = state === "out" || entry.attempt !== null;
    const link = part(row, "link");
    link.hidden = state !== "out";
    link.setAttribute("href", `${ROOT}/live/${feed}/${postId}`);
  }
}

/**
 * @param {HTMLElement} row
 * @param {string} name
 */
const part = (row, name) => /** @type {HTMLElement} */ (row.querySelector(`.${name}`));

/**
 * @param {HTMLElement} element
 * @param {string} text
 */
function setText(element, text) {
  // The same text again would be read out again.
  if (element.textContent !== text) element.textContent = text;
}
