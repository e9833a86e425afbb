/**
 * From the composer to the desk: a draft, handed in, approved or scheduled; and back out.
 *
 * Rules: the composer is emptied once the server has the text, not before. What is wrong
 * with a time is said beside it: the server decides whether it is past, by its own clock.
 * @module
 */

import { serverNow } from "../stop-press/server_time.js";
import { checkFields, clearComplaint, complainAt } from "./field_errors.js";
import { answerOf, byId } from "./status_messages_and_questions.js";
import { hasComment } from "./draft_comments.js";
import { clockOf, instantOf, skippedTime } from "./feed_time.js";
import { isUntouched } from "./outbox_entry.js";
import { PostMenu } from "./post_menu.js";

/** @typedef {import("./shared_drafts.js").DraftState} DraftState */

/**
 * @param {import("./composer.js").Composer} composer
 * @param {import("./shared_drafts.js").SharedDrafts} drafts
 * @param {import("./status_messages_and_questions.js").Feedback} feedback
 * @param {() => string} zone
 */
export function setUpHandingOver(composer, drafts, feedback, zone) {
  /** @param {import("./outbox_entry.js").Entry} entry */
  const isHeldBack = (entry) => {
    if (!hasComment(entry)) return false;
    feedback.show("Your comment is not added yet: add it, or clear it. Nothing was sent.", "trouble");
    byId("comment").focus();
    return true;
  };
  /** @type {(state: DraftState, at?: string) => Promise<string | void>} What is wrong with the time */
  const hand = async (state, at) => {
    const { entry } = composer;
    if (isHeldBack(entry)) return;
    if (isUntouched(entry) && !entry.shared) return feedback.show("Nothing is written yet.");
    if (!checkFields(byId("write"))) return feedback.show("A field is incomplete or too long: nothing was sent.", "trouble");
    let wrongTime = "";
    const handed = await drafts.hand(entry, state, at, (answer) => {
      const { field, detail = "" } = answer.body ?? {};
      if (field === "publish_at") wrongTime = detail.replace(/^publish_at: /, "");
      else if (answer.status === 422 && field) composer.showRefusal({ field, reason: detail });
      else drafts.tell(answer);
    });
    // Nothing is taken from under the hands of an editor who opened another text.
    if (handed && composer.entryId === entry.id) await composer.finish(entry, handed);
    return wrongTime;
  };
  const schedule = async () => {
    const dialog = byId("scheduling");
    const form = dialog.querySelector("form");
    for (const place of dialog.querySelectorAll("[data-feed-zone]")) place.textContent = zone();
    const { at } = form.elements;
    at.value ||= clockOf(new Date(serverNow() + 900_000).toISOString(), zone());
    clearComplaint(at);
    while ((await answerOf(dialog)) === "yes") {
      const wrong = skippedTime(at.value, zone()) || (await hand("scheduled", instantOf(at.value, zone())));
      if (!wrong) return;
      complainAt(at, wrong);
    }
  };
  const menu = new PostMenu(byId("hand-menu"), () => [
    { label: "Keep as a draft", run: () => hand("draft") },
    { label: "Hand in", run: () => hand("submitted") },
    { label: "Approve", run: () => hand("approved") },
    { label: "Schedule…", run: schedule },
  ]);
  byId("open-hand").addEventListener("click", () => menu.open(/** @type {any} */ (null), byId("open-hand")));
  byId("write").addEventListener("publish-shared", async () => {
    const { entry } = composer;
    const { shared } = entry;
    if (!shared || isHeldBack(entry)) return;
    const state = shared.state === "scheduled" ? "approved" : shared.state;
    const kept = await drafts.hand(entry, state);
    const isOut = kept && (await drafts.publish(kept));
    if (!kept || composer.entryId !== entry.id) return;
    // Saved and not out: the next try is of what is saved.
    await (isOut ? composer.finish(entry) : composer.keepAsChange(kept));
  });
}
