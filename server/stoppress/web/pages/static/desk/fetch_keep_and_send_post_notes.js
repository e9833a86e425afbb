/**
 * Notes on posts, for the desk alone: the server has them, apart from the posts.
 *
 * Rules:
 * - What the server has not taken yet waits in this browser, for this person.
 * - If somebody else changed the notes meanwhile, both texts stay: they are sent only on top
 *   of those that were read.
 * @module
 */

import { keepList, keptList } from "./unsent_lists_in_local_storage.js";
import { sendOnce } from "./repeat_request_until_outcome.js";
import { mergeText } from "./text_merge.js";

const MOST_ROUNDS = 10;

/** @typedef {[id: string, notes: string, feed?: string, before?: string]} Waiting
 *  Releases that kept notes in the browser alone named no feed. */

/** @param {string} person */
export const waitingNotesName = (person) => `stop-press-notes:${person}`;

/**
 * @param {string} person
 * @returns {Waiting[]}
 */
const waitingOf = (person) => keptList(waitingNotesName(person));

/**
 * The notes on a post, as an editor of it begins with them.
 * @param {string} person
 * @param {string} feed
 * @param {string} postId
 */
export async function fetchNotes(person, feed, postId) {
  const here = waitingOf(person).find(([id]) => id === postId);
  if (here && !here[2]) await keepNotes(person, feed, postId, here[1], "");
  else await sendNotes(person);
  const waits = waitingOf(person).find(([id]) => id === postId);
  if (waits) return waits[1];
  const { status, body } = await sendOnce({ method: "GET", path: pathOf(feed, postId), person });
  return status === 200 ? (body.notes ?? "") : "";
}

/**
 * Keep the notes on a post.
 * @param {string} person
 * @param {string} feed
 * @param {string} postId
 * @param {string} notes
 * @param {string} before as they were when the editor began
 */
export async function keepNotes(person, feed, postId, notes, before) {
  const others = waitingOf(person).filter(([id]) => id !== postId);
  keepList(waitingNotesName(person), [[postId, notes, feed, before], ...others]);
  await sendNotes(person);
}

/**
 * Send what waits here.
 * @param {string} person
 */
export async function sendNotes(person) {
  for (const waiting of waitingOf(person)) {
    if (!waiting[2] || !(await isTaken(waiting, person))) continue;
    const rest = waitingOf(person).filter(([id, notes]) => id !== waiting[0] || notes !== waiting[1]);
    keepList(waitingNotesName(person), rest);
  }
}

/**
 * @param {string} feed
 * @param {string} id
 */
const pathOf = (feed, id) => `/v1/feeds/${feed}/posts/${id}/notes`;

/**
 * Whether the server has the notes now, or the post is gone.
 * @param {Waiting} waiting
 * @param {string} person
 */
async function isTaken([id, notes, feed = "", before = ""], person) {
  const path = pathOf(feed, id);
  for (let round = 0; round < MOST_ROUNDS; round++) {
    const there = await sendOnce({ method: "GET", path, person });
    if (there.status !== 200) return there.status === 404 || there.status === 410;
    const theirs = there.body.notes ?? "";
    const both = mergeText(before, notes, theirs) ?? [theirs, notes].join("\n\n");
    if (both === theirs) return true;
    const put = await sendOnce({ method: "PUT", path, body: { notes: both }, rev: there.tag, person });
    if (put.status !== 412) return put.status === 200;
  }
  return false;
}
