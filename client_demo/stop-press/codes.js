/**
 * The closed table of codes that end a live line, and say what to do next.
 *
 * 40xx: come back and resume. 44xx: stop, coming back can't help. Twin of
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

/** What a socket reports when it broke without a word (RFC 6455). */
export const BROKEN = 1006;

/**
 * Whether a reader should stop, rather than come back.
 * @param {number} code
 * @returns {boolean}
 */
export const isFinal = (code) => code >= 4400 && code < 4500;

/**
 * The code that says the same as an HTTP status (204: the feed's line has ended).
 * @param {number} status
 * @returns {number}
 */
export function codeOfStatus(status) {
  if (status === 204) return CODES.ENDED;
  if (status === 429) return CODES.TOO_MANY;
  const same = 4000 + status;
  return Object.values(CODES).includes(same) ? same : BROKEN;
}
