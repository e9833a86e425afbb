/**
 * The smaller files of an uploaded picture.
 *
 * Twin of what `stoppress/domain/picture_address.py` says of an address.
 * @module
 */

/** @param {string} src */
export const isUploaded = (src) => /media\/.*\/a[\da-hjkmnp-tv-z]{16}-[^/]*$/.test(src);

/**
 * The address of the smallest file, for a picture that is shown small.
 * @param {string | null} src
 */
export const smallest = (src) => (src && isUploaded(src) ? `${src}/480` : src);
