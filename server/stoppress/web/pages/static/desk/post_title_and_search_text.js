/**
 * The words of a post as plain text: its title in lists, and what a search looks at. Pure.
 * @module
 */

import { hostOf, shorten } from "../stop-press/shorten_text_and_name_host.js";

/** @typedef {import("../stop-press/fold.js").Post} Post */

const ENTITIES = /** @type {{[name: string]: string}} */ ({ amp: "&", lt: "<", gt: ">", quot: '"', nbsp: "\u00a0" });
/** Markup that a word may go on after. */
const INLINE = /^(?:a|abbr|b|code|del|em|i|img|ins|mark|s|small|span|strong|sub|sup|u)$/;

/** @param {string} text */
const unescaped = (text) => text.replace(/&(amp|lt|gt|quot|nbsp);/g, (_, name) => ENTITIES[name]);

/**
 * The text of the server's own markup, which has no other entities than these.
 * @param {string} html
 */
const textOfHtml = (html) =>
  unescaped(html.replace(/<\/?(\w+)(?:"[^"]*"|[^">])*>/g, (_, tag) => (INLINE.test(tag) ? "" : " ")));

/** @param {Pick<Post, "html" | "media">} post */
const textsOf = ({ html = "", media = [] }) => [
  textOfHtml(html),
  ...[...html.matchAll(/<img [^>]*?\balt="([^"]*)/g)].map(([, alt]) => unescaped(alt)),
  ...media.flatMap(({ type, url, caption, alt, text, title, provider }) => [
    caption, alt, text, title, provider,
    /^(link|embed)/.test(type) && hostOf(url),
  ]),
];

/**
 * What readers' pages call the post: see `post_title_and_plain_text.py`, which has the rules.
 * @param {Pick<Post, "headline" | "html" | "media">} post
 * @returns {string}
 */
export function postTitle(post) {
  if (post.headline) return post.headline;
  const texts = textsOf(post).map((text) => (text || "").replace(/[ \t\n\f\r]+/g, " ").trim());
  const isPicture = /<img|"type":"image"/.test(post.html + JSON.stringify(post.media));
  return shorten(texts.find(Boolean) || (isPicture ? "Picture" : "Update"), 110);
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
    const { headline, location, source, authors = [], tags = [], media = [], external_id } = post;
    const names = [...authors, source].map((/** @type {any} */ one) => one?.name);
    const credits = media.map(({ credit }) => credit);
    const parts = [headline, ...textsOf(post), location, ...names, ...tags, ...credits, external_id];
    text = foldedText(parts.filter(Boolean).join("\n").replace(/\s+/g, " "));
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
