/**
 * In which order a page's posts are read.
 * @module
 */

/**
 * Whether the posts are read oldest first.
 * @param {string} from See `post_selection.js`.
 */
export const isOldestFirst = (from) => from.includes("order=oldest");
