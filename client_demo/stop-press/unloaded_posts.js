/**
 * The newest known versions of posts that are not loaded: withdrawn, or older than the
 * loaded pages.
 *
 * An older page may come from a cache, or have left the server before an event that
 * arrived first: what it says about these posts may be out of date.
 * @module
 */

import { isLoaded } from "./fold.js";

const MAX_UNLOADED = 1000;

/** @typedef {ReturnType<typeof createUnloadedPosts>} UnloadedPosts */

export function createUnloadedPosts() {
  /** @type {Map<string, any>} */
  const newest = new Map();
  /** @type {Set<string>} Posts that exist for sure, even if a page lacks them. */
  const existing = new Set();
  return {
    /** @param {any} post A post, or only the id of a withdrawn one. */
    note(post) {
      const { id } = post;
      newest.delete(id);
      newest.set(id, post);
      existing.add(id);
      if (newest.size > MAX_UNLOADED) {
        const [oldest] = newest.keys();
        newest.delete(oldest);
        existing.delete(oldest);
      }
    },

    /**
     * The state, to which a page was added, with the newest versions put in.
     * @param {import("./fold.js").State} state
     * @returns {import("./fold.js").State}
     */
    applyTo(state) {
      const posts = new Map(state.posts);
      for (const [id, known] of newest) {
        const post = /** @type {any} */ (posts.get(id));
        if (post ? known.published_at && known.rev <= post.rev : !existing.has(id)) continue;
        if (isLoaded(state, known)) posts.set(id, known);
        else posts.delete(id);
      }
      return { ...state, posts };
    },

    /**
     * Events were missed: any of them may have undone what is known of a post.
     * @param {boolean} sameLog Whether the epoch is still the same.
     */
    forget(sameLog) {
      existing.clear();
      if (!sameLog) newest.clear();
    },
  };
}
