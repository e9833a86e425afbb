/**
 * The drafts of everybody at the desk, in the queue: handed in, approved, scheduled, out.
 *
 * Rules:
 * - The server has them; this browser keeps only the text that is open in the composer.
 * - A change or an act is on the revision that was seen; what someone changed meanwhile
 *   stays, and the list shows it.
 * - A draft that is published again is the same post: trying again is safe.
 * @module
 */

import { localTime } from "../stop-press/localization.js";
import { appendButton, appendElement } from "./append_element.js";
import { byId, refusalText } from "./status_messages_and_questions.js";
import { commentCount } from "./draft_comments.js";
import { newEntry } from "./outbox_entry.js";
import { SURENESS } from "./post_field_table.js";
import { isKeyReused, newIdempotencyKey, sendOnce } from "./repeat_request_until_outcome.js";
import { keepNotes } from "./fetch_keep_and_send_post_notes.js";
import { draftOf, filledMembers } from "./draft_patch_and_three_way_merge.js";

/**
 * @typedef {import("./outbox_entry.js").Entry} Entry
 * @typedef {import("./status_messages_and_questions.js").Feedback} Feedback
 * @typedef {"draft" | "submitted" | "approved" | "scheduled"} DraftState
 * @typedef {{id: string, rev: number, state: DraftState, publish_at?: string, notes?: string,
 *   base?: any, owner?: {name?: string}, approved_by?: {name?: string}, refusal?: string,
 *   [member: string]: any}} SharedDraft
 */

const STATES = { draft: "draft", submitted: "handed in", approved: "approved", scheduled: "goes out" };

/**
 * Save a text as a draft of its feed, in its writer's name.
 * @param {Entry} entry
 * @param {DraftState} state
 * @param {string} [publishAt]
 */
export async function saveDraft(entry, state, publishAt) {
  const { feed, person, notes, shared } = entry;
  const base = entry.base && !shared ? { id: entry.base.id, rev: entry.base.rev } : shared?.base;
  const extra = { ...(publishAt && { publish_at: publishAt }), ...(base && { base }) };
  const body = { ...filledMembers(entry.draft), state, ...(notes && { notes }), ...extra };
  const path = `/v1/feeds/${feed}/drafts`;
  if (shared) return sendOnce({ method: "PUT", path: `${path}/${shared.id}`, rev: shared.rev, body, person });
  const attempt = { method: "POST", path, body, person };
  // The entry's id: sent again after a lost answer it is the same draft.
  const answer = await sendOnce({ ...attempt, key: `draft-${entry.id}` });
  // Another text of it had arrived: neither takes the place of the other.
  return isKeyReused(answer) ? sendOnce({ ...attempt, key: `draft-${newIdempotencyKey()}` }) : answer;
}

export class SharedDrafts {
  /**
   * @param {HTMLElement} panel
   * @param {Feedback} feedback
   * @param {{person: string, zone: () => string, open: (entry: Entry) => void}} desk
   */
  constructor(panel, feedback, desk) {
    this.#panel = panel;
    this.#list = /** @type {HTMLElement} */ (panel.querySelector("ol"));
    this.#feedback = feedback;
    this.#desk = desk;
  }

  #panel;
  #list;
  #feedback;
  #desk;
  #feed = "";
  /** @type {SharedDraft[]} */ #drafts = [];

  /** How many there are. */
  get count() {
    return this.#drafts.length;
  }

  /**
   * The draft as the list has it.
   * @param {string} id
   */
  find(id) {
    return this.#drafts.find((draft) => draft.id === id);
  }

  /** @param {string} feed */
  async show(feed) {
    if (feed !== this.#feed) this.#draw([]);
    this.#feed = feed;
    await this.refresh();
  }

  /** Read the list again. */
  async refresh() {
    const feed = this.#feed;
    const { status, body } = await sendOnce({ method: "GET", path: `/v1/feeds/${feed}/drafts?limit=100` });
    if (status === 200 && feed === this.#feed) this.#draw(body.drafts);
  }

  /**
   * Hand the text in the composer to the desk; whether it is there.
   * @param {Entry} entry
   * @param {DraftState} state
   * @param {string} [publishAt]
   * @param {(answer: import("./repeat_request_until_outcome.js").Answer) => void} [tell] of a refusal
   */
  async hand(entry, state, publishAt, tell = (answer) => this.tell(answer)) {
    const answer = await saveDraft(entry, state, publishAt);
    const isThere = answer.status === 200 || answer.status === 201;
    if (isThere) this.#feedback.show(state === "scheduled" ? "Scheduled." : `At the desk: ${STATES[state]}.`, "good");
    else tell(answer);
    this.refresh();
    return isThere ? /** @type {SharedDraft} */ (answer.body.draft) : null;
  }

  /** @param {import("./repeat_request_until_outcome.js").Answer} answer */
  tell(answer) {
    const { status, body } = answer;
    if (status === 412) this.#feedback.show(`Someone else changed this draft meanwhile; it says now: “${titleOf(body.current)}”. Open it from the queue; your text stays here.`, "trouble");
    else if (status === 410 && body?.type !== "urn:stop-press:problem:taken-down") this.#feedback.show("The draft is gone: published or deleted meanwhile. Your text stays here.", "trouble");
    else if (!status || status >= 500) this.#feedback.show("The desk can't be reached now; your text stays here. Try again.", "trouble");
    else this.#feedback.show(refusalText(answer), "trouble");
  }

  /** @param {SharedDraft[]} drafts */
  #draw(drafts) {
    this.#drafts = drafts;
    this.#panel.hidden = !drafts.length;
    const place = document.activeElement?.closest("[data-draft]")?.getAttribute("data-draft");
    this.#list.replaceChildren(...drafts.map((draft) => this.#row(draft)));
    const again = place && /** @type {HTMLElement | null} */ (this.#list.querySelector(`[data-draft="${place}"] button`));
    if (again) again.focus();
    byId("queue").dispatchEvent(new CustomEvent("drafts"));
  }

  /** @param {SharedDraft} draft */
  #row(draft) {
    const row = document.createElement("li");
    row.dataset.draft = draft.id;
    row.dataset.state = draft.state;
    const title = appendElement(row, "p", "title", titleOf(draft));
    title.dir = "auto";
    title.id = `draft-${draft.id}`;
    const { day, clock } = draft.publish_at ? localTime(draft.publish_at, this.#desk.zone()) : { day: "", clock: "" };
    const sure = SURENESS[/** @type {keyof typeof SURENESS} */ (draft.verification)];
    const about = [STATES[draft.state] + (clock && ` ${day} ${clock}`), sure, draft.owner?.name, commentCount(draft), draft.refusal];
    appendElement(row, "p", "state", about.filter(Boolean).join(" · "));
    const acts = appendElement(row, "p", "acts");
    appendButton(acts, "Open", () => this.#open(draft));
    if (draft.state === "submitted") appendButton(acts, "Approve", () => this.#approve(draft));
    if (draft.state !== "scheduled") appendButton(acts, "Publish", () => this.publish(draft));
    else appendButton(acts, "Stop", () => this.#approve(draft));
    appendButton(acts, "Delete", () => this.#remove(draft));
    for (const button of acts.children) button.setAttribute("aria-describedby", title.id);
    return row;
  }

  /** @param {SharedDraft} draft */
  #open(draft) {
    const { id, rev, state, base, notes = "" } = draft;
    const entry = newEntry(this.#desk.person, this.#feed, null, draftOf(draft), notes);
    this.#desk.open({ ...entry, shared: { id, rev, state, base } });
  }

  /** @param {SharedDraft} draft */
  async #approve({ id, rev, state, publish_at, ...draft }) {
    const { owner, edited_by, approved_by, comments, refusal, created_at, updated_at, url, html, ...fields } = draft;
    const body = { ...fields, state: "approved" };
    this.#settle(await sendOnce({ method: "PUT", path: `/v1/feeds/${this.#feed}/drafts/${id}`, rev, body }), "Approved.");
  }

  /**
   * Publish a draft as it was seen; whether it is out.
   * @param {{id: string, rev: number}} draft
   */
  async publish({ id, rev }) {
    const feed = this.#feed;
    const attempt = { method: "POST", path: `/v1/feeds/${feed}/drafts/${id}/publish`, rev, key: newIdempotencyKey() };
    const notes = this.find(id)?.notes;
    const answer = await sendOnce(attempt);
    if (notes && answer.body?.post) keepNotes(this.#desk.person, feed, answer.body.post.id, notes, "");
    return this.#settle(answer, "Out.");
  }

  /** @param {SharedDraft} draft */
  async #remove(draft) {
    if (!(await this.#feedback.confirm(`Delete the draft “${titleOf(draft)}” for everybody?`, "Delete"))) return;
    const { id, rev } = draft;
    this.#settle(await sendOnce({ method: "DELETE", path: `/v1/feeds/${this.#feed}/drafts/${id}`, rev }), "Deleted.");
  }

  /**
   * @param {import("./repeat_request_until_outcome.js").Answer} answer
   * @param {string} said
   */
  #settle(answer, said) {
    if (answer.status >= 200 && answer.status < 300) this.#feedback.show(said, "good");
    else this.tell(answer);
    this.refresh();
    return answer.status >= 200 && answer.status < 300;
  }
}

/** @param {any} draft */
const titleOf = ({ headline, body = "", media = [] }) =>
  headline || [...body.trim().replace(/\s+/g, " ")].slice(0, 80).join("") || media[0]?.type || "(empty)";
