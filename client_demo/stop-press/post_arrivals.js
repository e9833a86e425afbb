/**
 * Which posts a page shows: new ones wait while the reader is elsewhere.
 *
 * A new post is inserted only while the top of the list is in view, the tab is visible
 * and the reader has not paused; else it is counted on a button.
 * @module
 */

import { isBelow, ordered, positionOf } from "./fold.js";
import { createNewPosts } from "./count_and_announce_new_posts.js";
import { createPostSelection } from "./which_posts_belong_on_page.js";
import { h } from "./render_post.js";
import { visibleArea } from "./scroll_anchoring.js";
import { articlePosition } from "./state_from_page.js";

const MAX_POSTS = 200;

/** @param {import("./feed_extras.js").FeedSurroundings} surroundings */
export function createPostArrivals({ ctx, reader, from, dataset, part, list, bar, draw }) {
  const { posts } = part;
  const { rising, home, isBefore, includes } = createPostSelection(from, dataset, posts.firstElementChild);
  const notice = createNewPosts(part.new, part.says, ctx.words, () => !bar.line.endsWith("connecting"));
  /** To how many posts arrivals may grow the list; more if the reader has loaded more. */
  let maxPosts = MAX_POSTS;
  // The tab may be hidden since before this script was there.
  let wasHidden = document.hidden;

  part.new.onclick = () => (home ? location.assign(home) : reveal(true));

  /**
   * Insert the waiting posts, with a divider between them and what was seen.
   * @param {boolean} go Whether to scroll to the first unread post.
   */
  function reveal(go) {
    const ids = notice.take();
    draw(true);
    const fresh = /** @type {any[]} */ ([...posts.children]).filter(({ dataset }) => ids.has(dataset.id));
    const [first] = fresh;
    const oldest = fresh.at(rising ? 0 : -1);
    const below = rising ? oldest : oldest?.nextElementSibling;
    if (go || wasHidden) {
      posts.querySelector(".sp-since")?.remove();
      below?.prepend(h("p.sp-since", ctx.words.since));
    }
    wasHidden = false;
    if (!go || !oldest) return;
    // All new posts if they fit, else the oldest of them, with the divider below.
    const area = visibleArea(posts);
    const fits = oldest.getBoundingClientRect().bottom - first.getBoundingClientRect().top < area.bottom - area.top;
    (fits ? first : oldest).scrollIntoView({ block: fits ? "start" : "end" });
    oldest.focus({ preventScroll: true });
  }

  return {
    ...notice,

    /**
     * The posts to show, in order; null: they are drawn.
     * @param {import("./fold.js").State} state
     * @param {boolean} visible Whether the place of new posts is in view.
     * @param {boolean} all
     * @param {boolean} isDrawn Whether posts were drawn before.
     */
    choose(state, visible, all, isDrawn) {
      const inserts = !home && visible;
      // A reader at the top does not see posts go at the bottom.
      if (!from && inserts && state.posts.size > maxPosts) {
        reader.trim(maxPosts);
        return null;
      }
      const { waitingIds } = notice;
      const included = ordered(state).filter(includes);
      if (isDrawn && !all) {
        const last = posts.lastElementChild && articlePosition(posts.lastElementChild);
        const arrived = included.filter(
          (post) => !list.drawn.has(post.id) && !waitingIds.has(post.id) &&
            (rising || !last || isBelow(last, positionOf(post))),
        );
        notice.announce(arrived.length);
        for (const post of arrived) if (home ? isBefore(post) : !inserts) waitingIds.add(post.id);
      }
      for (const id of waitingIds) {
        const post = state.posts.get(id);
        if (!post || !includes(post)) waitingIds.delete(id);
      }
      if (waitingIds.size && inserts) return reveal(false), null;
      return included.filter((post) => !waitingIds.has(post.id) && !isBefore(post));
    },

    /** Show all that is loaded, which the reader asked for. */
    showOlder() {
      maxPosts = Math.max(maxPosts, reader.state?.posts.size ?? 0);
      draw(true, false);
    },

    visibilityChanged() {
      wasHidden ||= document.hidden;
      notice.announce();
    },

    /** Forget those that wait: the feed is gone. */
    clear() {
      notice.take();
      notice.count();
    },
  };
}
