/**
 * Which posts of a feed a page shows, if not simply the newest.
 *
 * `from` is the API's path of the first page of posts, with its query; "": the snapshot.
 * @module
 */

import { isUnloaded, positionOf } from "./fold.js";
import { isOldestFirst } from "./is_oldest_first.js";
import { articlePosition } from "./state_from_page.js";

/**
 * @param {string} from
 * @param {DOMStringMap} dataset `home`: where the newest posts are, if this page begins
 *   further back. `newest`: when the newest post was published, as the page was made.
 * @param {Element | null} top The page's first article.
 */
export function createPostSelection(from, { home, newest = "" }, top) {
  const query = new URLSearchParams(from.split("?")[1]);
  const tag = query.get("tag");
  const rising = isOldestFirst(from);
  const ceiling = home && top ? articlePosition(top) : null;

  /**
   * Whether a post comes before the first of the page.
   * @param {import("./fold.js").Post} post
   */
  const isBefore = (post) => isUnloaded({ floor: ceiling, rising: !rising }, positionOf(post));
  return {
    rising,
    isBefore,
    /** Where the newest posts are, if this page does not show them. */
    home: rising ? "" : home,

    /**
     * Whether a post is shown, or counted as new. Posts that the server wrote into the
     * page (which lack `url`) are.
     * @param {import("./fold.js").Post} post
     */
    includes(post) {
      const { url, tags, key, published_at } = post;
      const fits = !url || ((!tag || tags?.includes(tag)) && (!query.has("key") || key));
      return fits && (!isBefore(post) || (!rising && published_at > newest));
    },
  };
}
