/**
 * In which order a page's posts are read.
 * @module
 */

/**
 * Whether the posts are read oldest first.
 * @param {string} from See `which_posts_belong_on_page.js`.
 */
export const isOldestFirst = (from) => from.includes("order=oldest");
