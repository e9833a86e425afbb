/**
 * The history of a post: its earlier versions, what each changed, and putting one back.
 *
 * Rules: a version is put back as a change on top of the newest, through the outbox, so
 * that a change by someone else meanwhile is met like any other; published time and pin
 * stay as they are.
 * @module
 */

import { localTime } from "../stop-press/localization.js";
import { appendButton, appendElement } from "./append_element.js";
import { byId } from "./status_messages_and_questions.js";
import { fetchPost } from "./fetch_post.js";
import { FIELDS, FIELD_NAMES } from "./post_field_table.js";
import { sendOnce } from "./repeat_request_until_outcome.js";
import { differences } from "./text_differences.js";
import { draftOf, isEqualJson } from "./draft_patch_and_three_way_merge.js";

/**
 * @typedef {import("../stop-press/fold.js").Post} Post
 * @typedef {import("./post_field_table.js").Draft} Draft
 * @typedef {{rev: number, at: string, by: string | null, note?: string, post: Post}} Revision
 * @typedef {{putBack: (current: Post, draft: Draft) => void,
 *   open: (current: Post, draft: Draft) => void}} RevisionActions
 */

/** Members that putting an earlier text back leaves as they are. */
const STAYING = new Set(["pinned", "published_at"]);

export class RevisionsView {
  /** @param {RevisionActions} actions */
  constructor(actions) {
    this.#actions = actions;
  }

  #actions;
  #zone = "UTC";

  /**
   * @param {string} feed
   * @param {Post} post
   * @param {string} zone
   */
  async open(feed, { id }, zone) {
    this.#zone = zone;
    const [list, text] = [byId("revision-list"), byId("revision-text")];
    list.replaceChildren();
    text.replaceChildren();
    appendElement(text, "p", "hint", "Loading…");
    byId("history").showModal();
    const path = `/v1/feeds/${feed}/posts/${id}`;
    const [current, kept] = await Promise.all([
      fetchPost(feed, id),
      sendOnce({ method: "GET", path: `${path}/revisions` }),
    ]);
    text.replaceChildren();
    if (current.status !== 200 || kept.status !== 200) {
      const why = current.status === 410 ? "The post was withdrawn." : "The history can't be read now; try again.";
      appendElement(text, "p", "complaint", why);
      return;
    }
    this.#show(current.body, kept.body.revisions);
  }

  /**
   * @param {Post} current
   * @param {Revision[]} revisions newest first
   */
  #show(current, revisions) {
    const earlier = revisions.filter(({ rev }) => rev !== current.rev);
    const latest = revisions.find(({ rev }) => rev === current.rev);
    const all = [latest ?? { rev: /** @type {number} */ (current.rev), at: "", by: null, post: current }, ...earlier];
    const list = byId("revision-list");
    all.forEach((revision, place) => {
      const row = appendElement(list, "li", "");
      const button = appendButton(row, "", () => {
        for (const each of list.querySelectorAll("button")) each.setAttribute("aria-pressed", "false");
        button.setAttribute("aria-pressed", "true");
        this.#showOne(revision, all[place + 1], current);
      });
      appendElement(button, "strong", "", `${revision.rev}`);
      appendElement(button, "span", "", ` ${[place ? "" : "now", ...this.#when(revision)].filter(Boolean).join(" · ")}`);
      if (revision.note) appendElement(button, "span", "hint", "correction");
    });
    list.querySelector("button")?.click();
    list.querySelector("button")?.focus();
  }

  /** @param {Revision} revision */
  #when({ at, by }) {
    const { day, clock } = at ? localTime(at, this.#zone) : { day: "", clock: "" };
    return [`${day} ${clock}`.trim(), by];
  }

  /**
   * @param {Revision} revision
   * @param {Revision | undefined} before
   * @param {Post} current
   */
  #showOne(revision, before, current) {
    const text = byId("revision-text");
    text.replaceChildren();
    const [now, old] = [draftOf(revision.post), before ? draftOf(before.post) : null];
    const title = before ? `What version ${revision.rev} changed` : `Version ${revision.rev}`;
    appendElement(text, "h3", "", title);
    if (revision.note) appendElement(text, "p", "", `Correction: ${revision.note}`).dir = "auto";
    for (const name of FIELD_NAMES) {
      if (old ? isEqualJson(old[name], now[name]) && name !== "body" : !plain(now[name])) continue;
      appendElement(text, "h4", "", FIELDS[name].label);
      const value = appendElement(text, "p", "difference", "");
      value.dir = "auto";
      for (const { kind, text: words } of differences(old ? plain(old[name]) : plain(now[name]), plain(now[name]))) {
        appendElement(value, kind === "added" ? "ins" : kind === "removed" ? "del" : "span", "", words);
      }
    }
    if (revision.post === current || revision.rev === current.rev) return;
    const acts = appendElement(text, "p", "acts");
    const draft = /** @type {any} */ ({ ...now });
    for (const name of STAYING) draft[name] = /** @type {any} */ (draftOf(current))[name];
    const put = appendButton(acts, "Put this version back", () => this.#close(() => this.#actions.putBack(current, draft)));
    put.className = "main";
    appendButton(acts, "Open it in the composer", () => this.#close(() => this.#actions.open(current, draft)));
  }

  /** @param {() => void} then */
  #close(then) {
    byId("history").close();
    then();
  }
}

/**
 * The words of a field.
 * @param {any} value
 * @returns {string}
 */
function plain(value) {
  if (value === null || value === undefined || value === false) return "";
  if (value === true) return "yes";
  if (Array.isArray(value)) return value.map(plain).join("\n");
  if (typeof value === "object") return Object.values(value).map(plain).filter(Boolean).join(" ");
  return String(value);
}
