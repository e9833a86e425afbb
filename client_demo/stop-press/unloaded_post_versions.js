/**
 * The newest known versions of posts that are not loaded: withdrawn, or older than the
 * loaded pages.
 *
 * An older page may come from a cache, or have left the server before an event that
 * arrived first: what it says about these posts may be out of date (`load_and_trim_pages.js`).
 * @module
 */

const MAX_UNLOADED = 1000;

/** @typedef {ReturnType<typeof createUnloadedPosts>} UnloadedPosts */

export function createUnloadedPosts() {
  /** @type {Map<string, any>} */
  const newest = new Map();
  /** @type {Set<string>} Posts that exist for sure, even if a page lacks them. */
  const existing = new Set();
  return {
    newest,
    existing,

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
     * Events were missed: any of them may have undone what is known of a post.
     * @param {boolean} sameLog Whether the epoch is still the same.
     */
    forgetPosts(sameLog) {
      existing.clear();
      if (!sameLog) newest.clear();
    },
  };
}
