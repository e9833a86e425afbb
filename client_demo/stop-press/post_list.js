/**
 * The list of posts, made to hold what is to be seen, touching what differs.
 *
 * What an article shows is kept beside it: among a thousand posts, an arrival asks the
 * document about none of the others.
 * @module
 */

import { patch } from "./patch_post.js";
import { renderDay, renderPost } from "./render_post.js";
import { local } from "./localization.js";

/**
 * @typedef {import("./fold.js").Post} Post
 * @typedef {import("./render_post.js").Context} Context
 * @typedef {{article: HTMLElement, opens: string, post?: Post, day?: string, place?: number,
 *   size?: number}} Shown `opens`: the day whose mark it carries, or "". The rest is not
 *   known of what the server drew.
 */

/**
 * @param {HTMLElement} list What stands in it was drawn by the server.
 * @param {Context} ctx
 * @param {(article: HTMLElement) => void} drawn Told of each article that is drawn.
 * @param {boolean} [pinned] Whether it is the box of the pinned post: one copy, apart.
 */
export function listOf(list, ctx, drawn, pinned) {
  /** @type {Map<string, Shown>} */
  const known = new Map();
  for (const article of /** @type {any} */ (list.children)) {
    const opens = article.querySelector(".sp-day > time")?.dateTime ?? "";
    known.set(article.dataset.id, { article, opens });
  }

  /** @param {Post} post */
  const add = (post, fresh = false) => {
    const article = renderPost(post, ctx, pinned);
    article.classList.toggle("sp-fresh", fresh);
    /** @type {Shown} */
    const one = { article, opens: "", post };
    known.set(post.id, one);
    drawn(article);
    return one;
  };

  return {
    known,

    /**
     * Make the list hold `posts`, in order.
     * @param {Post[]} posts
     * @param {boolean} [fresh] Whether what comes is to be noticed for a moment.
     * @param {boolean} [more] Whether there are posts that were not loaded.
     * @param {(article: Element) => boolean} [waits] Whether an article is to be left as
     *   it is, for now.
     */
    show(posts, fresh, more, waits) {
      const wanted = new Map(posts.map((post) => [post.id, post]));
      for (const [id, { article, post }] of known) {
        const now = wanted.get(id);
        if (now === post && post) continue;
        if (!now && waits?.(article)) continue;
        if (!now) known.delete(id);
        // What changes its place is taken out first, so that nothing else has to move.
        if (article.dataset.at !== now?.published_at) article.remove();
      }
      const size = more ? -1 : posts.length;
      let day = "";
      let here = /** @type {any} */ (list.firstElementChild);
      posts.forEach((post, place) => {
        const one = known.get(post.id) ?? add(post, fresh);
        const { article } = one;
        if (one.post !== post) {
          const same = article.dataset.rev === String(post.rev);
          if (same || !waits?.(article)) Object.assign(one, { post, day: undefined });
          if (!same && one.post === post) {
            patch(article, renderPost(post, ctx, pinned));
            drawn(article);
          }
        }
        while (here && here !== article && !wanted.has(here.dataset.id)) here = here.nextElementSibling;
        if (article === here) here = here.nextElementSibling;
        else list.insertBefore(article, here);
        if (pinned) return;
        const own = (one.day ??= local(post.published_at, ctx.feed.timezone).day);
        const opens = own === day ? "" : own;
        day = own;
        if (one.opens !== opens) {
          one.opens = opens;
          article.querySelector(".sp-day")?.remove();
          if (opens) article.prepend(renderDay(opens, ctx));
        }
        if (one.place !== place) article.setAttribute("aria-posinset", String((one.place = place) + 1));
        if (one.size !== size) article.setAttribute("aria-setsize", String((one.size = size)));
      });
    },
  };
}
