/**
 * Which posts of a feed are looked at, where they are not simply the newest.
 *
 * `from` is the API's path of the first of them, with its query; "": the snapshot.
 * @module
 */

/**
 * Whether they are read from the oldest on.
 * @param {string} from
 */
export const isRising = (from) => from.includes("order=oldest");

/**
 * Whether a post is one of those. What the server wrote into the page is.
 * @param {string} from
 * @returns {(post: import("./fold.js").Post) => boolean}
 */
export function choiceOf(from) {
  const asked = new URLSearchParams(from.split("?")[1]);
  const tag = asked.get("tag");
  return ({ tags, key }) => !tags || ((!tag || tags.includes(tag)) && (!asked.has("key") || key));
}
