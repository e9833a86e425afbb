/**
 * What a post is called: its headline, or a text made of what else it has.
 *
 * Twin of `stoppress/web/pages/post_title_and_plain_text.py`, which has the rules; one table of posts,
 * `tests/fixtures/post_titles.json`, holds both to the same words.
 * @module
 */

import { fragment } from "./render_post.js";
import { hostOf, shorten } from "./shorten_text_and_name_host.js";

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
    const line = (text || "").replace(/[ \t\n\f\r]+/g, " ").trim();
    if (line) return shorten(line, 110);
  }
  const isPicture = pictures[0] || media.some(({ type }) => type === "image");
  return words[isPicture ? "picture" : "update"];
}
