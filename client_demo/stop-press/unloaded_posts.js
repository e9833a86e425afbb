/**
 * The last news of posts that are not held: withdrawn, or older than what was loaded.
 *
 * An older page may come from a cache, or have left the server before an event that
 * was here first: what it says of these posts is not the last word.
 * @module
 */

import { isHeld } from "./fold.js";

const MOST = 1000;

/** @typedef {ReturnType<typeof beyondOf>} Beyond */

export function beyondOf() {
  /** @type {Map<string, any>} */
  const posts = new Map();
  /** @type {Set<string>} Posts that are surely there, though a page may lack them. */
  const there = new Set();
  return {
    /** @param {any} post A post, or the id alone of one that was withdrawn. */
    note(post) {
      const { id } = post;
      posts.delete(id);
      posts.set(id, post);
      there.add(id);
      if (posts.size > MOST) {
        const [first] = posts.keys();
        posts.delete(first);
        there.delete(first);
      }
    },

    /**
     * A state to which a page was added, as the newest events left it.
     * @param {import("./fold.js").State} state
     * @returns {import("./fold.js").State}
     */
    over(state) {
      const held = new Map(state.posts);
      for (const [id, news] of posts) {
        const one = /** @type {any} */ (held.get(id));
        if (one ? news.published_at && news.rev <= one.rev : !there.has(id)) continue;
        if (isHeld(state, news)) held.set(id, news);
        else held.delete(id);
      }
      return { ...state, posts: held };
    },

    /**
     * Events were missed: what is known of a post may have been undone by one of them.
     * @param {boolean} same Whether it is the same log still.
     */
    leap(same) {
      there.clear();
      if (!same) posts.clear();
    },
  };
}
