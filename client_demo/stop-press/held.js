/**
 * What the server's own page holds, as far as a fold needs it.
 * @module
 */

/**
 * The state that the server's own page shows.
 *
 * Of its posts it holds no more than their places: such a post has no `url`.
 * @param {HTMLElement} root
 * @param {import("./fold.js").Feed} feed
 * @param {import("./cursor.js").Cursor} cursor
 * @param {boolean} more Whether there are further pages.
 * @param {boolean} rising
 * @returns {import("./fold.js").State}
 */
export function stateOf(root, feed, cursor, more, rising) {
  const stub = (/** @type {any} */ { dataset }, pinned = false) => {
    return { id: dataset.id, published_at: dataset.at, rev: Number(dataset.rev), pinned };
  };
  const articles = [...root.querySelectorAll(".sp-posts > article")];
  const box = root.querySelector(".sp-pinned > article");
  const last = articles.at(-1);
  return {
    feed,
    cursor,
    posts: new Map(articles.map((one) => [/** @type {any} */ (one).dataset.id, stub(one)])),
    pinned: box && stub(box, true),
    floor: more && last ? placeOf(last) : null,
    rising,
  };
}

/**
 * @param {Element} article
 * @returns {import("./fold.js").Place}
 */
export function placeOf(article) {
  const { at, id } = /** @type {any} */ (article).dataset;
  return [at, id];
}
