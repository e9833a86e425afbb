/**
 * The box of other live feeds and their newest posts, followed on the page's own line while
 * the box is in view.
 *
 * Each item keeps its feed's last cursor, from which the next follow resumes. The server
 * says which feeds those are: the box is fetched anew now and then, and where the line's
 * transport can't follow other feeds.
 * @module
 */

import { headlineOf } from "./render_feed.js";
import { fragment, time } from "./render_post.js";

/**
 * @param {any} box
 * @param {import("./client.js").Reader} reader
 * @param {import("./render_post.js").Context} ctx
 */
export function createOtherFeeds(box, reader, ctx) {
  let inView = false;
  let spreadMs = 4000;
  /** Whether the box is in view; unchanged by default, as when the line was opened anew. */
  const follow = (now = inView) => {
    for (const { dataset } of now || inView ? box.querySelectorAll("[data-cursor]") : []) {
      const { feed, cursor } = dataset;
      reader.send?.({ op: now ? "follow" : "unfollow", feed, cursor });
    }
    inView = now;
  };
  /** Fetch the box; if that fails it stays as it is. */
  const renew = async () => {
    try {
      const { html } = await reader.get(box.dataset.src);
      const fresh = /** @type {HTMLElement} */ (fragment(html, "").firstElementChild);
      box.replaceChildren(...fresh.childNodes);
      box.hidden = fresh.hidden;
      follow();
    } catch {
      // Until the next time.
    }
  };

  return {
    follow,
    renew,

    /** @param {any} message A message of another feed. */
    take({ type, feed, cursor, post, retry_ms = spreadMs }) {
      spreadMs = retry_ms;
      const item = box.querySelector(`[data-feed="${feed}"]`);
      if (!item) return;
      const { dataset, lastElementChild } = item;
      if (cursor) dataset.cursor = cursor;
      if (post?.published_at >= dataset.at) {
        Object.assign(dataset, { id: post.id, at: post.published_at });
        lastElementChild.replaceChildren(time(post.published_at, ctx), " ", headlineOf(post));
      } else if (post ? post.id === dataset.id : /^(feed|reset|error)/.test(type)) {
        // A withdrawn post goes at once; its successor is fetched at a random moment, so
        // that not all readers ask together.
        if (post) lastElementChild.replaceChildren();
        setTimeout(renew, Math.random() * spreadMs);
      }
    },
  };
}
