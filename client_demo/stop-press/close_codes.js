/**
 * The codes that end a live line, and what a reader does after each.
 *
 * 40xx: reconnect and resume. 44xx: stop, since reconnecting does not help. Twin of
 * `stoppress/wire/close_codes.py`; a test compares them.
 * @module
 */

export const BYE = 4000;
export const SLOW = 4001;
export const TOO_MANY = 4029;
export const BAD_REQUEST = 4400;
export const UNAUTHENTICATED = 4401;
export const FORBIDDEN = 4403;
export const NOT_FOUND = 4404;
export const ENDED = 4410;

/** What a socket reports when it broke without a close frame (RFC 6455). */
export const BROKEN = 1006;

/**
 * Whether a reader stops instead of reconnecting.
 * @param {number} code
 * @returns {boolean}
 */
export const isFinal = (code) => Math.trunc(code / 100) === 44;

/**
 * The close code for an HTTP status (204: the feed's line has ended).
 * @param {number} status
 * @returns {number}
 */
export function codeOfStatus(status) {
  if (status === 204) return ENDED;
  if (status === 429) return TOO_MANY;
  return [400, 401, 403, 404, 410].includes(status) ? 4000 + status : BROKEN;
}
