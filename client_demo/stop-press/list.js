/**
 * The list of posts, made to hold what is to be seen, touching what differs.
 * @module
 */

import { patch, set } from "./patch.js";
import { renderDay, renderPost } from "./render.js";
import { tellTimes } from "./times.js";
import { dayOf } from "./words.js";

/**
 * @typedef {import("./fold.js").Post} Post
 * @typedef {import("./render.js").Context} Context
 */

/**
 * Make the list hold `posts`, in order.
 * @param {HTMLElement} list
 * @param {Post[]} posts
 * @param {Map<string, HTMLElement>} known The articles in it, by post.
 * @param {Context} ctx
 * @param {boolean} more Whether there are posts that were not loaded.
 * @param {(article: Element) => boolean} [waits] Whether an article is to be left as it
 *   is, for now.
 */
export function sync(list, posts, known, ctx, more, waits) {
  const wanted = new Set(posts.map(({ id }) => id));
  for (const [id, article] of known) if (!wanted.has(id) && !waits?.(article)) article.remove();
  for (const { id, published_at } of posts) {
    // What changes its place is taken out first, so that nothing else has to move.
    const article = known.get(id);
    if (article && article.dataset.at !== published_at) article.remove();
  }
  /** @type {HTMLElement[]} */
  const drawn = [];
  let day = "";
  let here = /** @type {HTMLElement | null} */ (list.firstElementChild);
  posts.forEach((post, index) => {
    let article = known.get(post.id);
    if (!article) {
      article = renderPost(post, ctx);
      // What is new is noticed, for a moment.
      if (known.size) article.classList.add("sp-fresh");
      drawn.push(article);
    } else if (article.dataset.rev !== String(post.rev) && !waits?.(article)) {
      patch(article, renderPost(post, ctx));
      drawn.push(article);
    }
    while (here && !wanted.has(here.dataset.id ?? "")) here = /** @type {any} */ (here.nextElementSibling);
    if (article === here && here) here = /** @type {any} */ (here.nextElementSibling);
    else list.insertBefore(article, here);
    const own = dayOf(post, ctx.feed);
    mark(article, own === day ? "" : own, ctx);
    day = own;
    set(article, "aria-posinset", String(index + 1));
    set(article, "aria-setsize", more ? "-1" : String(posts.length));
  });
  tellTimes(drawn, ctx.words);
}

/**
 * @param {HTMLElement} article
 * @param {string} day The day it opens, or "".
 * @param {Context} ctx
 */
function mark(article, day, ctx) {
  let opening = article.firstElementChild;
  if (opening?.className === "sp-since") opening = opening.nextElementSibling;
  if (opening?.className !== "sp-day") opening = null;
  if (opening?.firstElementChild?.getAttribute("datetime") === (day || undefined)) return;
  opening?.remove();
  if (day) article.prepend(renderDay(day, ctx));
}

/**
 * Make the box of the pinned post hold `post`.
 * @param {HTMLElement} box
 * @param {Post | null} post
 * @param {Context} ctx
 */
export function pin(box, post, ctx) {
  const shown = /** @type {HTMLElement | null} */ (box.firstElementChild);
  if (!post) box.replaceChildren();
  else if (shown?.dataset.id !== post.id) box.replaceChildren(renderPost(post, ctx, true));
  else if (shown.dataset.rev !== String(post.rev)) patch(shown, renderPost(post, ctx, true));
  box.hidden = !post;
}
