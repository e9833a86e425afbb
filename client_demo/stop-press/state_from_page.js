/**
 * The state that the server's own HTML shows, as far as a fold needs it.
 * @module
 */

/**
 * Its posts have positions alone: such a post lacks `url`.
 * @param {HTMLElement} root
 * @param {import("./fold.js").Feed} feed
 * @param {import("./cursor.js").Cursor} cursor
 * @param {boolean} more Whether there are further pages.
 * @param {boolean} rising
 * @returns {import("./fold.js").State}
 */
export function stateFromPage(root, feed, cursor, more, rising) {
  const postOf = (/** @type {any} */ { dataset }, pinned = false) => {
    return { id: dataset.id, published_at: dataset.at, rev: Number(dataset.rev), pinned };
  };
  const articles = [...root.querySelectorAll(".sp-posts > article")];
  const pinned = root.querySelector(".sp-pinned > article");
  const last = articles.at(-1);
  return {
    feed,
    cursor,
    posts: new Map(articles.map((article) => [/** @type {any} */ (article).dataset.id, postOf(article)])),
    pinned: pinned && postOf(pinned, true),
    floor: more && last ? articlePosition(last) : null,
    rising,
  };
}

/**
 * The position of an article's post in the order of the feed.
 * @param {Element} article
 * @returns {import("./fold.js").Position}
 */
export function articlePosition(article) {
  const { at, id } = /** @type {any} */ (article).dataset;
  return [at, id];
}
