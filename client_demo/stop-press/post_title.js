/**
 * What a post is called: its headline, or a text made of what else it has.
 *
 * Twin of `stoppress/web/pages/post_title_and_plain_text.py`, which has the rules; one table of posts,
 * `tests/fixtures/post_titles.json`, holds both to the same words.
 * @module
 */

import { fragment } from "./render_post.js";

const MAX_HEADLINE = 110;
/** Characters as they are seen: a pair of regional indicators is a flag, marks and joiners join. */
const SEEN = /(?:[\u{1f1e6}-\u{1f1ff}]{2}|.)(?:[\p{M}\u200c\u{1f3fb}-\u{1f3ff}]|\u200d+.?)*/gsu;

/**
 * @param {import("./fold.js").Post} post
 * @param {import("./localization.js").Words} words
 * @returns {string}
 */
export function headlineOf({ headline, html = "", media = [] }, words) {
  if (headline) return headline;
  const content = fragment(html, "");
  const pictures = [...content.querySelectorAll("img")];
  for (const line of content.querySelectorAll("br")) line.replaceWith("\n");
  const texts = [
    content.textContent,
    ...pictures.map(({ alt }) => alt),
    ...media.flatMap(({ type, url, caption, alt, text, title, provider }) => [
      caption, alt, text, title, provider,
      /^(link|embed)/.test(type) && hostOf(url),
    ]),
  ];
  for (const text of texts) {
    const line = (text || "").replace(/[ \t\n\f\r]+/g, " ").replace(/^ | $/g, "");
    if (line) return shorten(line);
  }
  const isPicture = pictures[0] || media.some(({ type }) => type === "image");
  return words[isPicture ? "picture" : "update"];
}

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
 */
function shorten(text) {
  if (lengthOf(text) <= MAX_HEADLINE) return closeBidi(text);
  let kept = "";
  for (const seen of /** @type {string[]} */ (text.match(SEEN))) {
    if (lengthOf(kept + seen) >= MAX_HEADLINE) break;
    kept += seen;
  }
  const words = kept.replace(/ [^ ]*$/, "");
  if (text[kept.length] !== " " && lengthOf(words) * 2 >= MAX_HEADLINE) kept = words;
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
