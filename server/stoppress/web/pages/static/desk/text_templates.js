/**
 * Templates: texts that the newsroom keeps to begin with. The server has them.
 *
 * Rules:
 * - A template fills an empty composer; in one that holds a text it is put at the end
 *   of the text, and nothing else is touched.
 * - What the server has not taken (no connection, a refusal) stays in this browser, for this
 *   person, and is offered beside the others. The list is kept for when there is no answer.
 * @module
 */

import { appendButton, appendElement } from "./append_element.js";
import { answerOf, byId, refusalText } from "./status_messages_and_questions.js";
import { keepList, keptList } from "./unsent_lists_in_local_storage.js";
import { isUntouched } from "./outbox_entry.js";
import { isUnknown, newIdempotencyKey, sendOnce } from "./repeat_request_until_outcome.js";
import { draftOf, filledMembers } from "./draft_patch_and_three_way_merge.js";

/**
 * @typedef {import("./post_field_table.js").Draft} Draft
 * @typedef {{id?: string, name: string, draft: Draft, reason?: string}} Waiting `id`: releases that
 *   kept templates in the browser alone gave none; `reason`: of the refusal
 * @typedef {{id: string, name: string, post: any}} Template
 */

const PATH = "/v1/templates";
const YOURS = "It is yours: editors keep those of the newsroom.";

/** @param {string} person */
export const waitingTemplatesName = (person) => `stop-press-templates:${person}`;

/**
 * Send what waits here.
 * @param {string} person
 */
export async function sendTemplates(person) {
  const name = waitingTemplatesName(person);
  /** @type {Waiting[]} */
  const waiting = keptList(name).map((each) => ({ id: newIdempotencyKey(), ...each }));
  // Their ids first: what is sent again after a lost answer is the same template.
  if (waiting.length) keepList(name, waiting);
  for (const { id, name: title, draft } of waiting) {
    const body = { name: title, post: filledMembers(draft) };
    const answer = await sendOnce({ method: "PUT", path: `${PATH}/${id}`, body, person });
    const others = keptList(name).filter((each) => each.id !== id);
    if (answer.status === 200) keepList(name, others);
    else if (isUnknown(answer) || answer.status === 401) return;
    else keepList(name, [...others, { id, name: title, draft, reason: answer.status === 403 ? YOURS : refusalText(answer) }]);
  }
}

export class TextTemplates {
  /**
   * @param {string} person
   * @param {import("./composer.js").Composer} composer
   */
  constructor(person, composer) {
    this.#person = person;
    this.#composer = composer;
    byId("open-templates").addEventListener("click", () => this.#open());
  }

  #person;
  #composer;

  get #listName() {
    return `stop-press-template-list:${this.#person}`;
  }

  /** @returns {Waiting[]} */
  get #waiting() {
    return keptList(waitingTemplatesName(this.#person));
  }

  async #open() {
    const dialog = byId("templates");
    this.#draw();
    const form = dialog.querySelector("form");
    form.reset();
    this.#refresh();
    if ((await answerOf(dialog)) !== "keep") return;
    const name = form.elements.name.value.trim();
    if (!name) return;
    const same = [...this.#waiting, ...keptList(this.#listName)].find((each) => each.name === name);
    const id = same?.id ?? newIdempotencyKey();
    const others = this.#waiting.filter((each) => each.id !== id);
    keepList(waitingTemplatesName(this.#person), [{ id, name, draft: this.#composer.entry.draft }, ...others]);
    await this.#refresh();
  }

  async #refresh() {
    await sendTemplates(this.#person);
    const { status, body } = await sendOnce({ method: "GET", path: PATH, person: this.#person });
    if (status === 200) keepList(this.#listName, body.templates);
    this.#draw();
  }

  #draw() {
    const list = byId("template-list");
    const place = [...list.querySelectorAll("button")].indexOf(/** @type {any} */ (document.activeElement));
    list.replaceChildren();
    const here = this.#waiting;
    for (const { name, draft, id, reason } of here) {
      this.#row(name, draft, () => {
        keepList(waitingTemplatesName(this.#person), this.#waiting.filter((each) => each.id !== id));
        this.#draw();
      });
      const why = reason ? `In this browser alone. ${reason}` : "In this browser; the server has it once it answers.";
      appendElement(/** @type {HTMLElement} */ (list.lastElementChild), "span", "hint", why);
    }
    /** @type {Template[]} */
    const shared = keptList(this.#listName).filter((each) => !here.some(({ id }) => id === each.id));
    for (const { id, name, post } of shared) {
      this.#row(name, draftOf(post), async () => {
        const answer = await sendOnce({ method: "DELETE", path: `${PATH}/${id}`, person: this.#person });
        await this.#refresh();
        if (answer.status !== 204 && answer.status !== 404) appendElement(list, "li", "empty", refusalText(answer));
      });
    }
    if (!list.children.length) appendElement(list, "li", "empty", "None yet. Write a text, then keep it here.");
    if (place >= 0) (list.querySelectorAll("button")[place] ?? list.querySelector("button"))?.focus();
  }

  /**
   * @param {string} name
   * @param {Draft} draft
   * @param {() => void} drop
   */
  #row(name, draft, drop) {
    const row = appendElement(byId("template-list"), "li", "");
    appendButton(row, name, () => {
      byId("templates").close("");
      const { entry } = this.#composer;
      this.#composer.fill(withTemplate(entry.draft, draft, !entry.base && isUntouched(entry)));
    }).dir = "auto";
    const remove = appendButton(row, "Remove", drop);
    remove.className = "plain";
    remove.setAttribute("aria-label", `Remove ${name}`);
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
