/**
 * The takedown of a post: apart from withdrawing, with a reason, and with its receipt.
 * @module
 */

import { localTime } from "../stop-press/localization.js";
import { appendElement } from "./append_element.js";
import { byId, refusalText } from "./status_messages_and_questions.js";
import { postTitle } from "./post_title_and_search_text.js";
import { RepeatedRequest, newIdempotencyKey } from "./repeat_request_until_outcome.js";

/** @typedef {import("../stop-press/fold.js").Post} Post */

/**
 * Ask for the reason, take the post down, and show the receipt.
 * @param {string} feed
 * @param {Post} post
 * @param {string} zone
 */
export function takeDown(feed, post, zone) {
  const dialog = byId("takedown");
  const form = dialog.querySelector("form");
  form.reset();
  form.hidden = false;
  byId("takedown-post").textContent = postTitle(post);
  byId("takedown-receipt").replaceChildren();
  byId("takedown-status").textContent = "";
  byId("takedown-act").disabled = false;
  // Enter in the field is no more than Enter.
  form.onsubmit = (/** @type {Event} */ event) => event.preventDefault();
  byId("takedown-act").onclick = () => send(feed, post, zone, form);
  dialog.showModal();
}

/**
 * @param {string} feed
 * @param {Post} post
 * @param {string} zone
 * @param {HTMLFormElement} form
 */
async function send(feed, { id }, zone, form) {
  const status = byId("takedown-status");
  const reason = /** @type {HTMLInputElement} */ (form.elements.namedItem("reason"));
  if (!reason.value.trim()) {
    status.textContent = "Give the reason; it is kept in the audit.";
    reason.focus();
    return;
  }
  byId("takedown-act").disabled = true;
  status.textContent = "Erasing… this takes up to 30 s.";
  const path = `/v1/feeds/${feed}/posts/${id}/takedown`;
  const attempt = { method: "POST", path, body: { reason: reason.value.trim() }, key: newIdempotencyKey() };
  const request = new RepeatedRequest(attempt, (_, waitS) => {
    status.textContent = `Not confirmed yet; trying again in ${Math.ceil(waitS)} s.`;
  });
  const answer = /** @type {import("./repeat_request_until_outcome.js").Answer} */ (await request.run());
  byId("takedown-act").disabled = false;
  if (answer.status !== 200) {
    status.textContent = refusalText(answer);
    return;
  }
  form.hidden = true;
  status.textContent = "Taken down. The receipt:";
  const list = byId("takedown-receipt");
  for (const [name, value] of receiptRows(answer.body, (at) => clock(at, zone))) {
    appendElement(list, "dt", "", name);
    appendElement(list, "dd", "", value);
  }
}

/**
 * @param {string} at
 * @param {string} zone
 */
function clock(at, zone) {
  const { day, clock, offset } = localTime(at, zone);
  return `${day} ${clock} (${offset})`;
}

/**
 * A receipt as rows of words.
 * @param {any} receipt
 * @param {(at: string) => string} time
 * @returns {[string, string][]}
 */
export function receiptRows({ post, at, store, disk, workers = [], readers, purge = [] }, time) {
  const asTime = (/** @type {any} */ value) => (!value ? "no answer" : value === "pending" ? "pending" : time(value));
  return [
    ["Post", post],
    ["Begun", asTime(at)],
    ["Store erased", asTime(store)],
    ["Disk rewritten", asTime(disk)],
    ["Readers told", String(readers ?? 0)],
    ...workers.map((/** @type {any} */ { name, worker, at: when }, /** @type {number} */ place) => [`Process ${name ?? worker ?? place + 1}`, asTime(when)]),
    ...purge.map((/** @type {any} */ { url, at: when, status }) => [`Cache ${url ?? ""}`, `${status ?? "no answer"} ${when ? time(when) : ""}`.trim()]),
  ];
}
