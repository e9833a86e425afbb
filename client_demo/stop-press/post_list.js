/**
 * Makes the list of posts in the page hold given posts, and touches only what differs.
 *
 * What each article shows is remembered here: one arrival among a thousand posts reads
 * none of the other articles from the document.
 * @module
 */

import { localTime } from "./localization.js";
import { renderDay, renderPost } from "./render_post.js";

/**
 * @typedef {import("./fold.js").Post} Post
 * @typedef {import("./render_post.js").Context} Context
 * @typedef {{article: HTMLElement, opens: string, post?: Post, day?: string, index?: number,
 *   size?: number}} DrawnPost `opens`: the day whose heading it carries, or "". The optional
 *   members are unknown for articles that the server drew.
 */

/**
 * @param {HTMLElement} list May hold articles that the server drew.
 * @param {Context} ctx
 * @param {(article: HTMLElement) => void} onDraw Called with each article drawn.
 * @param {boolean} [pinned] Whether it is the box of the pinned post: one copy, apart.
 */
export function createPostList(list, ctx, onDraw, pinned) {
  /** @type {Map<string, DrawnPost>} */
  const drawn = new Map();
  for (const article of /** @type {any} */ (list.children)) {
    const opens = article.querySelector(".sp-day > time")?.dateTime ?? "";
    drawn.set(article.dataset.id, { article, opens });
  }

  /** @param {Post} post */
  const add = (post, fresh = false) => {
    const article = renderPost(post, ctx, pinned);
    article.classList.toggle("sp-fresh", fresh);
    /** @type {DrawnPost} */
    const one = { article, opens: "", post };
    drawn.set(post.id, one);
    onDraw(article);
    return one;
  };

  /** @param {DrawnPost} one */
  const patch = ({ article, post }) => {
    ctx.more?.patchElement(article, renderPost(/** @type {Post} */ (post), ctx, pinned));
    onDraw(article);
  };

  return {
    drawn,

    /** Draw again the posts that were drawn before `ctx.more` was there. */
    completePosts() {
      for (const one of drawn.values()) {
        if (one.post?.media) patch(one);
      }
    },

    /**
     * Make the list hold `posts`, in order.
     * @param {Post[]} posts
     * @param {boolean} [fresh] Whether added posts are highlighted for a moment.
     * @param {boolean} [more] Whether the feed has posts that are not loaded.
     * @param {(article: Element) => boolean} [defers] Whether an article is left as it is
     *   for now.
     */
    showPosts(posts, fresh, more, defers) {
      const wanted = new Map(posts.map((post) => [post.id, post]));
      for (const [id, { article, post }] of drawn) {
        const now = wanted.get(id);
        if (now === post && post) continue;
        if (!now && defers?.(article)) continue;
        // What can't be patched yet is drawn anew.
        const isGone = ctx.more ? !now : article.dataset.rev !== String(now?.rev);
        if (isGone) drawn.delete(id);
        // An article that moves is taken out first, so that no other has to move.
        if (isGone || article.dataset.at !== now?.published_at) article.remove();
      }
      const size = more ? -1 : posts.length;
      let day = "";
      let here = /** @type {any} */ (list.firstElementChild);
      posts.forEach((post, index) => {
        const one = drawn.get(post.id) ?? add(post, fresh);
        const { article } = one;
        if (one.post !== post) {
          const isSame = article.dataset.rev === String(post.rev);
          if (isSame || !defers?.(article)) Object.assign(one, { post, day: undefined });
          if (!isSame && one.post === post) patch(one);
        }
        while (here && here !== article && !wanted.has(here.dataset.id)) here = here.nextElementSibling;
        if (article === here) here = here.nextElementSibling;
        else list.insertBefore(article, here);
        if (pinned) return;
        const ownDay = (one.day ??= localTime(post.published_at, ctx.feed.timezone).day);
        const opens = ownDay === day ? "" : ownDay;
        day = ownDay;
        if (one.opens !== opens) {
          one.opens = opens;
          article.querySelector(".sp-day")?.remove();
          if (opens) article.prepend(renderDay(opens, ctx));
        }
        if (one.index !== index) article.setAttribute("aria-posinset", String((one.index = index) + 1));
        if (one.size !== size) article.setAttribute("aria-setsize", String((one.size = size)));
      });
    },
  };
}
