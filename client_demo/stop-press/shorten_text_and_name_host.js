/**
 * A text cut where people would cut it, and the host of an address. Pure: for the widget, the
 * pages' heads and the desk.
 *
 * Twin of `shortened` in `stoppress/web/pages/post_title_and_plain_text.py`, which has the rules.
 * @module
 */

/** Characters as they are seen: a pair of regional indicators is a flag, marks and joiners join. */
const SEEN = /(?:[\u{1f1e6}-\u{1f1ff}]{2}|.)(?:[\p{M}\u200c\u{1f3fb}-\u{1f3ff}]|\u200d+.?)*/gsu;

/**
 * The host of a whole address, with its port; undefined if it is none.
 * @param {string} [url]
 */
export const hostOf = (url = "") => /^https?:\/\/([^/?#]+)/i.exec(url)?.[1];

/** @param {string} text */
const lengthOf = (text) => [...text].length;

/**
 * Cut a text at a word, or at least not inside of a character.
 * @param {string} text
 * @param {number} most In code points, the ellipsis included.
 */
export function shorten(text, most) {
  if (lengthOf(text) <= most) return closeBidi(text);
  let kept = "";
  for (const seen of /** @type {string[]} */ (text.match(SEEN))) {
    if (lengthOf(kept + seen) >= most) break;
    kept += seen;
  }
  const words = kept.replace(/ [^ ]*$/, "");
  if (text[kept.length] !== " " && lengthOf(words) * 2 >= most) kept = words;
  return closeBidi(kept.replace(/[ ,;:–\-،؛、，：；]+$/, "")) + "…";
}

/**
 * The text with its bidirectional controls closed, and without stray closing ones.
 * @param {string} text
 */
function closeBidi(text) {
  /** @type {string[]} */
  const open = [];
  const kept = text.replace(/[\u202a-\u202e\u2066-\u2069]/g, (char) => {
    if (char === "\u202c") return open.at(-1) === char ? String(open.pop()) : "";
    if (char === "\u2069") {
      const isolate = open.lastIndexOf(char);
      if (isolate < 0) return "";
      open.length = isolate;
    } else open.push(char > "\u2065" ? "\u2069" : "\u202c");
    return char;
  });
  return kept + open.reverse().join("");
}
