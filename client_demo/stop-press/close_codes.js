/**
 * The codes that end a live line, and what a reader does after each.
 *
 * 40xx: reconnect and resume. 44xx: stop, since reconnecting does not help. Twin of
 * `stoppress/wire/close_codes.py`; a test compares them.
 * @module
 */

/** @type {{[name: string]: number}} */
export const CODES = {
  BYE: 4000,
  SLOW: 4001,
  TOO_MANY: 4029,
  BAD_REQUEST: 4400,
  UNAUTHENTICATED: 4401,
  FORBIDDEN: 4403,
  NOT_FOUND: 4404,
  ENDED: 4410,
};

/** What a socket reports when it broke without a close frame (RFC 6455). */
export const BROKEN = 1006;

/**
 * Whether a reader stops instead of reconnecting.
 * @param {number} code
 * @returns {boolean}
 */
export const isFinal = (code) => code >= 4400 && code < 4500;

/**
 * The close code for an HTTP status (204: the feed's line has ended).
 * @param {number} status
 * @returns {number}
 */
export function codeOfStatus(status) {
  if (status === 204) return CODES.ENDED;
  if (status === 429) return CODES.TOO_MANY;
  const code = 4000 + status;
  return Object.values(CODES).includes(code) ? code : BROKEN;
}
