/**
 * The last news of posts that are not held: withdrawn, or older than what was loaded.
 *
 * An older page may come from a cache, or have left the server before an event that
 * was here first: what it says of these posts is not the last word.
 * @module
 */

import { isBeyond } from "./fold.js";

const MOST = 1000;

export class Beyond {
  /** @type {Map<string, any>} */ #posts = new Map();
  /** @type {Set<string>} Posts that are surely there, though a page may lack them. */
  #there = new Set();

  /** @param {any} post A post, or the id alone of one that was withdrawn. */
  note(post) {
    const { id } = post;
    this.#posts.delete(id);
    this.#posts.set(id, post);
    this.#there.add(id);
    if (this.#posts.size > MOST) {
      const [first] = this.#posts.keys();
      this.#posts.delete(first);
      this.#there.delete(first);
    }
  }

  /**
   * A state to which a page was added, as the newest events left it.
   * @param {import("./fold.js").State} state
   * @returns {import("./fold.js").State}
   */
  over(state) {
    const posts = new Map(state.posts);
    for (const [id, news] of this.#posts) {
      const held = posts.get(id);
      if (held ? news.published_at && news.rev <= (held.rev ?? 0) : !this.#there.has(id)) continue;
      if (!news.published_at || isBeyond(state, news)) posts.delete(id);
      else posts.set(id, news);
    }
    return { ...state, posts };
  }

  /**
   * Events were missed: what is known of a post may have been undone by one of them.
   * @param {boolean} same Whether it is the same log still.
   */
  leap(same) {
    this.#there.clear();
    if (!same) this.#posts.clear();
  }
}
