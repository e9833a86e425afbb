/**
 * What time it is by the server's clock: a reader's own may be hours off.
 * @module
 */

/** By how much the reader's clock is ahead. */
let aheadMs = 0;

/**
 * Set the clock by a message that came just now.
 * @param {string} [at] The server's time; without it the reader's own counts.
 */
export function setServerTime(at) {
  aheadMs = Date.now() - Date.parse(/** @type {string} */ (at)) || 0;
}

/** Milliseconds since 1970. */
export const serverNow = () => Date.now() - aheadMs;
