/**
 * The feeds that this person may write to; without a connection, those of the last time.
 * @module
 */

import { byId, refusalText } from "./status_messages_and_questions.js";
import { RepeatedRequest, sendOnce } from "./repeat_request_until_outcome.js";

/** @typedef {{feeds: any[], makes: boolean}} Feeds `makes`: whether this person may make one */

const FEEDS = { method: "GET", path: "/v1/desk/feeds" };

/**
 * @param {string} person
 * @returns {Promise<Feeds | null>}
 */
export async function fetchFeeds(person) {
  const name = `stop-press-feeds:${person}`;
  const first = await sendOnce(FEEDS);
  if (first.status === 200) {
    keep(name, first.body);
    return first.body;
  }
  const before = first.status === 0 ? kept(name) : null;
  if (before) return before;
  const answer = await repeated("The list of feeds could not be loaded");
  byId("note").textContent = answer.status === 200 ? "" : refusalText(answer);
  if (answer.status !== 200) return null;
  keep(name, answer.body);
  return answer.body;
}

/** The server could not tell who this is: come back when it can. */
export async function waitForPerson() {
  await repeated("The server can't tell who you are now");
  location.reload();
}

/**
 * @param {string} trouble
 * @returns {Promise<import("./repeat_request_until_outcome.js").Answer>}
 */
async function repeated(trouble) {
  const request = new RepeatedRequest({ ...FEEDS, key: "" }, (_, waitS) => {
    byId("note").textContent = `${trouble}; trying again in ${Math.ceil(waitS)} s.`;
  });
  return /** @type {any} */ (await request.run());
}

/**
 * @param {string} name
 * @param {any} value
 */
function keep(name, value) {
  try {
    localStorage.setItem(name, JSON.stringify(value));
  } catch {
    // Without it the list is only missing offline.
  }
}

/** @param {string} name */
function kept(name) {
  try {
    return JSON.parse(localStorage.getItem(name) ?? "null");
  } catch {
    return null;
  }
}
