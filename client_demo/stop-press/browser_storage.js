/**
 * Short texts that the browser keeps: for a tab (`sessionStorage`) or for all pages of a
 * site (`localStorage`).
 *
 * A browser may refuse both, and a full store refuses to write: then nothing is kept.
 * @module
 */

/**
 * The text that is kept, after keeping another one if that is given; null if there is none.
 * @param {any} env Everything the browser has.
 * @param {"sessionStorage" | "localStorage"} store
 * @param {string} name
 * @param {unknown} [value] What to keep.
 * @returns {string | null}
 */
export function keepText(env, store, name, value) {
  try {
    if (value !== undefined) env[store].setItem(name, value);
    return env[store].getItem(name);
  } catch {
    return null;
  }
}
