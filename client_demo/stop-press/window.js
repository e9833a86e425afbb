/**
 * Which posts of a feed are looked at, where they are not simply the newest.
 *
 * `from` is the API's path of the first of them, with its query; "": the snapshot.
 * @module
 */

import { isBeyond, place } from "./fold.js";
import { placeOf } from "./held.js";

/**
 * Whether they are read from the oldest on.
 * @param {string} from
 */
export const isRising = (from) => from.includes("order=oldest");

/**
 * What of a feed one page shows.
 * @param {string} from
 * @param {DOMStringMap} dataset `home`: the page begins further on; the first posts are
 *   there. `newest`: when the newest post was published, as the page was made.
 * @param {Element | null} top Its first article.
 */
export function windowOf(from, { home, newest = "" }, top) {
  const asked = new URLSearchParams(from.split("?")[1]);
  const tag = asked.get("tag");
  const rising = isRising(from);
  const ceiling = home && top ? placeOf(top) : null;

  /**
   * Whether a post lies before the first of the page.
   * @param {import("./fold.js").Post} post
   */
  const isBefore = (post) => isBeyond({ floor: ceiling, rising: !rising }, place(post));
  return {
    rising,
    isBefore,
    /** Where news leads, if it is not put in. */
    home: rising ? "" : home,

    /**
     * Whether a post is to be seen, or to be counted as news. What the server wrote
     * into the page is.
     * @param {import("./fold.js").Post} post
     */
    holds(post) {
      const { url, tags, key, published_at } = post;
      const fits = !url || ((!tag || tags?.includes(tag)) && (!asked.has("key") || key));
      return fits && (!isBefore(post) || (!rising && published_at > newest));
    },
  };
}
