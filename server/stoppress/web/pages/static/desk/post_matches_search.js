/**
 * Which posts the editor asked for: by words, state, tag, author and time. Pure.
 *
 * Rules: every word must be in the post, anywhere; an empty choice is every post.
 * @module
 */

import { foldedText, searchText } from "./post_title_and_search_text.js";

/**
 * @typedef {import("../stop-press/fold.js").Post} Post
 * @typedef {{text: string, state: string, tag: string, author: string, from: string,
 *   to: string}} Choice `from` and `to`: instants in RFC 3339, "" for open ends.
 */

/** @type {Choice} */
export const EVERY_POST = Object.freeze({ text: "", state: "", tag: "", author: "", from: "", to: "" });

const STATES = /** @type {{[name: string]: (post: Post) => boolean}} */ ({
  key: ({ key }) => !!key,
  breaking: ({ breaking }) => !!breaking,
  pinned: ({ pinned }) => !!pinned,
  corrected: ({ correction }) => !!correction,
  picture: ({ media }) => !!media?.some((/** @type {any} */ { type }) => type === "image"),
});

/**
 * The test of a post; null if every post is asked for.
 * @param {Choice} choice
 * @returns {((post: Post) => boolean) | null}
 */
export function matcher({ text, state, tag, author, from, to }) {
  const words = foldedText(text).split(/\s+/).filter(Boolean);
  const [start, end] = [from, to].map((at) => (at ? Date.parse(at) : NaN));
  if (!words.length && !state && !tag && !author && !from && !to) return null;
  return (post) => {
    if (state && !STATES[state](post)) return false;
    if (tag && !post.tags?.includes(tag)) return false;
    if (author && !post.authors?.some((/** @type {any} */ { name }) => name === author)) return false;
    const at = Date.parse(post.published_at);
    if (at < start || at > end) return false;
    const all = words.length ? searchText(post) : "";
    return words.every((word) => all.includes(word));
  };
}

/**
 * The tags and authors of posts, each once, in the order of their names.
 * @param {Iterable<Post>} posts
 * @returns {{tags: string[], authors: string[]}}
 */
export function namesOf(posts) {
  const tags = new Set();
  const authors = new Set();
  for (const post of posts) {
    for (const tag of post.tags ?? []) tags.add(tag);
    for (const { name } of post.authors ?? []) authors.add(name);
  }
  return { tags: [...tags].sort(), authors: [...authors].sort() };
}
