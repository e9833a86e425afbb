/**
 * The comments on the draft of the desk that is open in the composer.
 *
 * Rules:
 * - The server has them, and no public answer does. What is being written is kept with the
 *   entry until it is there, and holds back what would end the draft.
 * - Ctrl/⌘+Enter in the field adds the comment; it publishes nothing.
 * @module
 */

import { localTime } from "../stop-press/localization.js";
import { appendButton, appendElement } from "./append_element.js";
import { complainAt } from "./field_errors.js";
import { excess } from "./refuse_oversized_input_and_drops.js";
import { isKeyReused, isUnknown, newIdempotencyKey, sendOnce } from "./repeat_request_until_outcome.js";
import { byId, refusalText } from "./status_messages_and_questions.js";

/**
 * @typedef {import("./outbox_entry.js").Entry} Entry
 * @typedef {{id: string, by: {name?: string, id: string}, at: string, text: string}} Comment
 * @typedef {{id: string, comments?: Comment[]}} Commented
 */

/**
 * Whether a comment is written and not added.
 * @param {Entry} entry
 */
export const hasComment = ({ shared, comment }) => !!(shared && comment?.trim());

/** @param {{[member: string]: any}} draft */
export const commentCount = ({ comments = [] }) =>
  comments.length ? `${comments.length} ${comments.length === 1 ? "comment" : "comments"}` : "";

/**
 * Add the comment that is written in an entry. Sent again after a lost answer it is the
 * same comment.
 * @param {Entry} entry
 */
export async function addComment({ id, feed, person, shared, comment = "" }) {
  const path = `/v1/feeds/${feed}/drafts/${shared?.id}/comments`;
  const attempt = { method: "POST", path, body: { text: comment.trim() }, person };
  const answer = await sendOnce({ ...attempt, key: `comment-${id}` });
  return isKeyReused(answer) ? sendOnce({ ...attempt, key: `comment-${newIdempotencyKey()}` }) : answer;
}

export class DraftComments {
  /**
   * @param {{zone: () => string, composer: import("./composer.js").Composer}} desk
   */
  constructor({ zone, composer }) {
    this.#zone = zone;
    this.#composer = composer;
    this.#box.addEventListener("keydown", (/** @type {KeyboardEvent} */ event) => {
      if (event.key !== "Enter" || !(event.ctrlKey || event.metaKey) || event.isComposing) return;
      event.preventDefault();
      event.stopPropagation();
      if (!event.repeat) this.#add();
    });
    byId("add-comment").addEventListener("click", () => this.#add());
  }

  #zone;
  #composer;
  #box = byId("comment");
  #list = byId("comment-list");
  #path = "";
  /** @type {Commented | undefined} */ #shown;
  #isAdding = false;

  /**
   * Show the comments on a draft; without an id: none is open.
   * @param {string} feed
   * @param {string} id
   * @param {Commented} [listed] as the list of drafts has it
   */
  show(feed, id, listed) {
    const path = id && `/v1/feeds/${feed}/drafts/${id}`;
    const isOther = path !== this.#path;
    if (!isOther && (!listed || listed === this.#shown)) return;
    this.#path = path;
    byId("comments").hidden = !id;
    if (isOther) this.#draw({ id, comments: [] });
    if (listed) this.#draw(listed);
    else if (id) this.#read();
  }

  async #read() {
    const path = this.#path;
    const { status, body } = await sendOnce({ method: "GET", path });
    if (status === 200 && path === this.#path) this.#draw(body);
  }

  /** @param {Commented} draft */
  #draw(draft) {
    const { comments = [] } = (this.#shown = draft);
    const shown = new Map([...this.#list.children].map((row) => [row.dataset.comment, row]));
    for (const comment of comments) {
      // What is there stays: the focus in it does, and only what is new is read out.
      if (!shown.delete(comment.id)) this.#append(comment);
    }
    for (const row of shown.values()) row.remove();
    this.#list.hidden = !comments.length;
  }

  /** @param {Comment} comment */
  #append({ id, by, at, text }) {
    const row = appendElement(this.#list, "li", "");
    row.dataset.comment = id;
    const { day, clock } = localTime(at, this.#zone());
    const about = appendElement(row, "p", "hint");
    appendElement(about, "bdi", "", by.name || by.id);
    about.append(` · ${day} ${clock}`);
    const words = appendElement(row, "p", "words", text);
    words.dir = "auto";
    words.id = `comment-${id}`;
    appendButton(row, "Remove", () => this.#remove(id)).setAttribute("aria-describedby", words.id);
  }

  async #add() {
    if (this.#isAdding) return;
    const { entry } = this.#composer;
    this.#say("");
    if (!hasComment(entry)) return this.#say("Nothing is written yet.");
    if (excess(this.#box)) return complainAt(this.#box, excess(this.#box));
    this.#isAdding = true;
    const answer = await addComment(entry);
    this.#isAdding = false;
    if (answer.status !== 200 && answer.status !== 201) return this.#tell(answer);
    if (this.#composer.entryId !== entry.id) return;
    // Written on meanwhile: it stays, to be added as another.
    if (this.#box.value === entry.comment) {
      this.#box.value = "";
      this.#box.dispatchEvent(new Event("input", { bubbles: true }));
    }
    this.#draw(answer.body.draft);
    this.#say("Added.");
  }

  /** @param {string} id */
  async #remove(id) {
    const path = `${this.#path}/comments/${id}`;
    const answer = await sendOnce({ method: "DELETE", path });
    if (!path.startsWith(`${this.#path}/`)) return;
    // Gone already is as good.
    if (answer.status !== 200 && answer.status !== 404) return this.#tell(answer);
    const rows = /** @type {HTMLElement[]} */ ([...this.#list.children]);
    if (rows.some((row) => row.dataset.comment === id && row.contains(document.activeElement))) this.#box.focus();
    if (answer.status === 200) this.#draw(answer.body.draft);
    else this.#read();
    this.#say("Removed.");
  }

  /** @param {import("./repeat_request_until_outcome.js").Answer} answer */
  #tell(answer) {
    if (isUnknown(answer)) this.#say("The desk can't be reached now; your text stays here. Try again.");
    else if (answer.status === 410) this.#say("The draft is gone: published or deleted meanwhile. Your text stays here.");
    else this.#say(refusalText(answer));
  }

  /** @param {string} text */
  #say(text) {
    byId("comment-status").textContent = text;
  }
}
