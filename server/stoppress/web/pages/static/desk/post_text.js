/**
 * The words of a post as plain text: its title in lists, and what a search looks at. Pure.
 * @module
 */

/** @typedef {import("../stop-press/fold.js").Post} Post */

const EXCERPT_LENGTH = 160;
const ENTITIES = /** @type {{[name: string]: string}} */ ({ amp: "&", lt: "<", gt: ">", quot: '"', nbsp: " " });
/** Markup that a word may go on after. */
const INLINE = /^(?:a|abbr|b|code|del|em|i|ins|mark|s|small|span|strong|sub|sup|u)$/;

/**
 * The text of the server's own markup, which has no other entities than these.
 * @param {string} html
 */
const textOfHtml = (html) =>
  html
    .replace(/<\/?(\w+)(?:"[^"]*"|[^">])*>/g, (_, tag) => (INLINE.test(tag) ? "" : " "))
    .replace(/&(amp|lt|gt|quot|nbsp);/g, (_, name) => ENTITIES[name])
    .replace(/\s+/g, " ")
    .trim();

/**
 * The headline, else the start of the text.
 * @param {Post} post
 * @returns {string}
 */
export function postTitle(post) {
  if (post.headline) return post.headline;
  const text = textOfHtml(post.html ?? "");
  if (text.length > EXCERPT_LENGTH) return `${text.slice(0, EXCERPT_LENGTH).trimEnd()}…`;
  return text || post.media?.[0]?.type || "(empty)";
}

/** @type {WeakMap<Post, string>} Made once per version of a post. */
const searched = new WeakMap();

/**
 * All words of a post, folded for searching.
 * @param {Post} post
 * @returns {string}
 */
export function searchText(post) {
  let text = searched.get(post);
  if (text === undefined) {
    const { headline, html, location, source, authors = [], tags = [], media = [], external_id } = post;
    const names = authors.map((/** @type {any} */ { name }) => name);
    const about = media.flatMap((/** @type {any} */ { alt, caption, credit, title, text }) => [alt, caption, credit, title, text]);
    const parts = [headline, textOfHtml(html ?? ""), location, source?.name, ...names, ...tags, ...about, external_id];
    text = foldedText(parts.filter(Boolean).join("\n"));
    searched.set(post, text);
  }
  return text;
}

/**
 * Without case and marks, so that "kurtulmus" finds "Kurtulmuş".
 * @param {string} text
 */
export const foldedText = (text) =>
  text.normalize("NFKD").replace(/\p{Mn}/gu, "").toLowerCase().replace(/ı/g, "i");
