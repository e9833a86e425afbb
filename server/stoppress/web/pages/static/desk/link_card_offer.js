/**
 * Link cards in the composer: offered for an address that is pasted on its own, and made
 * from the address in a row.
 *
 * Rules:
 * - The server reads the page (`POST /v1/feeds/{feed}/link-cards`); the card is a row of the
 *   form, which the editor changes or removes.
 * - What fails is said where it was asked for; the text stays as it is. With the card, the
 *   line that holds nothing but its address leaves the text, as one step of undo, unless
 *   the editor is elsewhere by then.
 * @module
 */

import { appendButton, appendElement } from "./append_element.js";
import { clearComplaint, complainAt } from "./field_errors.js";
import { isUnknown, sendOnce } from "./repeat_request_until_outcome.js";
import { replaceText } from "./text_toolbar_keys_and_paste.js";

/**
 * @typedef {import("./repeat_request_until_outcome.js").Answer} Answer
 * @typedef {import("./post_form.js").PostForm} PostForm
 * @typedef {{feed: () => string, entryId: () => string}} OpenText
 */

const ADDRESS = /^https?:\/\/[^\s<>"]{1,1990}$/i;

/**
 * The address that a text is, and nothing else; "" if it is more, or something else.
 * @param {string} text
 */
export const loneAddress = (text) => (ADDRESS.test(text.trim()) ? text.trim() : "");

/**
 * Whether a range of a text has its lines to itself.
 * @param {string} text
 * @param {number} start
 * @param {number} end
 */
export const isAlone = (text, start, end) =>
  /(^|\n)[ \t]*$/.test(text.slice(0, start)) && /^[ \t]*(\n|$)/.test(text.slice(end));

/**
 * The line of a text that is this address alone, with what separates it from the next.
 * @param {string} text
 * @param {string} address
 * @returns {[number, number] | null}
 */
export function lineOf(text, address) {
  let start = 0;
  for (const line of text.split("\n")) {
    if (line.trim() === address) {
      const [after] = /** @type {RegExpMatchArray} */ (text.slice(start + line.length).match(/^\n*/));
      return [start, start + line.length + after.length];
    }
    start += line.length + 1;
  }
  return null;
}

/**
 * Why there is no card.
 * @param {Answer} answer
 */
const reasonOf = (answer) => {
  if (answer.status === 429) return "too many were asked for just now: try again in a moment";
  if (isUnknown(answer)) return "the server can't be reached now: try again";
  if (answer.status === 401) return "you are signed out: sign in in another tab, then try again";
  return String(answer.body?.detail ?? `the server answered with status ${answer.status}`).replace(/^url: /, "");
};

export class LinkCardOffer {
  /**
   * @param {HTMLFormElement} root
   * @param {PostForm} form
   * @param {OpenText} open
   */
  constructor(root, form, open) {
    this.#form = form;
    this.#open = open;
    this.#place = /** @type {HTMLElement} */ (root.querySelector("[data-card-offer]"));
    this.#field = /** @type {HTMLTextAreaElement} */ (root.elements.namedItem("body"));
    this.#field.addEventListener("paste", (event) => this.#onPaste(event));
    root.addEventListener("entry", () => {
      if (this.#offered !== open.entryId()) this.#close();
    });
    root.addEventListener("medium", (event) => this.#onRow(/** @type {any} */ (event).detail));
    root.querySelector("[data-add-link]")?.addEventListener("click", () => {
      const row = form.addMedium({ type: "link" });
      const part = row.closest("details");
      if (part) part.open = true;
      addressOf(row).focus();
    });
  }

  #form;
  #open;
  #place;
  #field;
  /** The entry for whose text a card is offered. */ #offered = "";

  /** @param {ClipboardEvent} event */
  #onPaste({ defaultPrevented, clipboardData }) {
    const address = loneAddress(clipboardData?.getData("text/plain") ?? "");
    const { value, selectionStart, selectionEnd } = this.#field;
    if (defaultPrevented || !address || !isAlone(value, selectionStart, selectionEnd)) return;
    this.#offer(address);
  }

  /** @param {string} address */
  #offer(address) {
    this.#offered = this.#open.entryId();
    this.#say("A card of this page?");
    appendButton(this.#place, "Make a card", () => this.#make(address));
    appendButton(this.#place, "No", () => {
      this.#close();
      this.#field.focus();
    });
  }

  /** @param {string} address */
  async #make(address) {
    const entry = this.#offered;
    this.#say("Reading the page…");
    const answer = await this.#ask(address);
    // Another text is open by now: the card was not asked for there.
    if (entry !== this.#open.entryId() || entry !== this.#offered) return;
    if (answer.status !== 200) {
      this.#offer(address);
      const why = document.createElement("span");
      why.textContent = `No card: ${reasonOf(answer)}. The address stays in the text.`;
      this.#place.firstElementChild?.replaceWith(why);
      return;
    }
    const isHere = [document.body, this.#field].includes(/** @type {any} */ (document.activeElement));
    this.#close();
    const row = this.#form.addMedium(answer.body);
    const part = row.closest("details");
    if (part) part.open = true;
    const line = lineOf(this.#field.value, address);
    if (isHere && line) replaceText(this.#field, line[0], line[1], "");
  }

  /** @param {HTMLElement} row */
  #onRow(row) {
    const button = /** @type {HTMLButtonElement} */ (row.querySelector("[data-card]"));
    button.addEventListener("click", async () => {
      const field = addressOf(row);
      const address = field.value.trim();
      clearComplaint(field);
      button.disabled = true;
      const answer = await this.#ask(address);
      button.disabled = false;
      if (!row.isConnected || field.value.trim() !== address) return;
      if (answer.status === 200) this.#form.fillMedium(row, answer.body);
      else complainAt(field, `gives no card: ${reasonOf(answer)}`);
    });
  }

  /**
   * @param {string} url
   * @returns {Promise<Answer>}
   */
  #ask(url) {
    return sendOnce({ method: "POST", path: `/v1/feeds/${this.#open.feed()}/link-cards`, body: { url } });
  }

  /** @param {string} text */
  #say(text) {
    this.#place.replaceChildren();
    this.#place.hidden = false;
    appendElement(this.#place, "span", "", text);
  }

  #close() {
    this.#offered = "";
    this.#place.replaceChildren();
    this.#place.hidden = true;
  }
}

/** @param {HTMLElement} row */
const addressOf = (row) => /** @type {HTMLInputElement} */ (row.querySelector('[data-member="url"]'));
