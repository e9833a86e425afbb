/**
 * The box that tells of other live feeds: followed on the page's own line while the box is
 * in view.
 *
 * Each item keeps the place its feed was told at, so following goes on from there. Which
 * feeds those are is asked for now and then, and with it what no line can follow.
 * @module
 */

import { headlineOf } from "./render_feed.js";
import { fragment, time } from "./render_post.js";

/**
 * @param {any} box
 * @param {import("./client.js").Reader} reader
 * @param {import("./render_post.js").Context} ctx
 */
export function othersOf(box, reader, ctx) {
  let seen = false;
  let spreadMs = 4000;
  /** Whether it is in view now; the same as before, where the line is open anew. */
  const follow = (now = seen) => {
    for (const { dataset } of now || seen ? box.querySelectorAll("[data-cursor]") : []) {
      const { feed, cursor } = dataset;
      reader.send?.({ op: now ? "follow" : "unfollow", feed, cursor });
    }
    seen = now;
  };
  /** Ask for the box; if that can't be now, it stays as it is. */
  const renew = async () => {
    try {
      const { html } = await reader.get(box.dataset.src);
      const fresh = /** @type {HTMLElement} */ (fragment(html, "").firstElementChild);
      box.replaceChildren(...fresh.childNodes);
      box.hidden = fresh.hidden;
      follow();
    } catch {
      // The next time, then.
    }
  };

  return {
    follow,
    renew,

    /** @param {any} message What the line says of another feed. */
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
        // Withdrawn is gone at once; what takes its place is asked for, not by all at once.
        if (post) lastElementChild.replaceChildren();
        setTimeout(renew, Math.random() * spreadMs);
      }
    },
  };
}
