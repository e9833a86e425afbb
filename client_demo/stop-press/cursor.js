/**
 * A position in a log, written `<epoch>-<seq>`. Twin of `stoppress/domain/cursor.py`.
 *
 * Two cursors of one epoch compare by seq; cursors of different epochs do not compare.
 * @module
 */

/** @typedef {{epoch: string, seq: number}} Cursor */

const CURSOR = /^([a-z\d]{1,32})-(0|[1-9]\d{0,15})$/;

/**
 * Parse a cursor. Throws RangeError for anything else.
 * @param {string} text
 * @returns {Cursor}
 */
export function parseCursor(text) {
  const match = CURSOR.exec(text);
  const seq = Number(match?.[2]);
  if (!(seq < 2 ** 53)) throw new RangeError(`no cursor: ${text}`);
  return { epoch: /** @type {RegExpExecArray} */ (match)[1], seq };
}

/**
 * @param {Cursor} cursor
 * @returns {string}
 */
export const formatCursor = ({ epoch, seq }) => `${epoch}-${seq}`;

/**
 * Whether `one` is at or after `other`, in the same log.
 * @param {Cursor} one
 * @param {Cursor} other
 * @returns {boolean}
 */
export const reaches = (one, other) =>
  one.epoch === other.epoch && one.seq >= other.seq;
