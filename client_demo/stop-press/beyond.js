/**
 * The last news of posts that are not held: withdrawn, or older than what was loaded.
 *
 * An older page may come from a cache, or have left the server before an event that
 * was here first: what it says of these posts is not the last word.
 * @module
 */

const MOST = 1000;

export class Beyond {
  /** @type {Map<string, any>} */ #posts = new Map();

  /** @param {any} post A post, or the id alone of one that was withdrawn. */
  note(post) {
    this.#posts.delete(post.id);
    this.#posts.set(post.id, post);
    if (this.#posts.size > MOST) {
      const [first] = this.#posts.keys();
      this.#posts.delete(first);
    }
  }

  /**
   * A page as the newest events left it.
   * @param {import("./fold.js").Page} page
   * @returns {import("./fold.js").Page}
   */
  over(page) {
    const posts = page.posts.flatMap((post) => {
      const news = this.#posts.get(post.id);
      if (!news) return [post];
      if (!news.published_at) return [];
      return [(news.rev ?? 0) > (post.rev ?? 0) ? news : post];
    });
    return { ...page, posts };
  }

  clear() {
    this.#posts.clear();
  }
}
