/**
 * The types of events; what one is about is its member `post` or `value`.
 *
 * The same names as in `stoppress/domain/event.py`; a test compares them.
 * @module
 */

const EVENT_TYPES = ["post.published", "post.updated", "post.withdrawn", "feed.updated"];

/**
 * Whether a type is known here: else an event counts, and changes nothing.
 * @param {string} type
 */
export const isKnown = (type) => EVENT_TYPES.includes(type);
