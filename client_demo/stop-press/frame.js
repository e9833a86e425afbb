/**
 * The DOM of what stands around posts: head, summary, links, and the places for the rest.
 *
 * Twin of the macros in `stoppress/web/templates/feed.html`, as `render.js` is.
 * @module
 */

import { fragment, h, link, time } from "./render.js";
import { fullText, local } from "./words.js";

/** @typedef {import("./render.js").Context} Context */

/**
 * What stands at the head of a feed: all that `feed.updated` may change.
 * @param {Context} ctx
 * @returns {HTMLElement}
 */
export function renderHead({ words, feed, level }) {
  const { status, closed_at: closed } = feed;
  return h(
    "header",
    { class: "sp-head", part: "head" },
    h(
      "p",
      { class: "sp-status" },
      h("span", { class: `sp-badge sp-is-${status}` }, words.status[status]),
      closed && [" ", h("time", { datetime: closed }, fullText(words, local(closed, feed.timezone)))],
    ),
    h(`h${level}`, { class: "sp-title", part: "title" }, feed.title),
    paragraphs(feed.standfirst).map((text) => h("p", { class: "sp-standfirst" }, text)),
  );
}

/**
 * What is known so far, if the newsroom keeps that.
 * @param {Context} ctx
 * @returns {HTMLElement}
 */
export function renderSummary({ words, feed, level }) {
  const lines = paragraphs(feed.summary ?? "");
  return h(
    "aside",
    { class: "sp-summary", part: "summary", "aria-label": words.summary, hidden: !lines.length },
    h(`h${level + 1}`, {}, words.summary),
    h("ul", {}, lines.map((text) => h("li", {}, text.replace(/^[-*] /, "")))),
  );
}

/**
 * The related pages, where there are any.
 * @param {Context} ctx
 * @returns {HTMLElement}
 */
export function renderLinks(ctx) {
  const { words, feed, level } = ctx;
  const links = feed.links ?? [];
  return h(
    "nav",
    { class: "sp-links", part: "links", "aria-label": words.related, hidden: !links.length },
    h(`h${level + 1}`, {}, words.related),
    h("ul", {}, links.map((/** @type {any} */ { title, url }) => h("li", {}, link(url, ctx, title)))),
  );
}

/**
 * A key moment in the list of them.
 * @param {import("./fold.js").Post} post
 * @param {Context} ctx
 * @returns {HTMLElement}
 */
export function renderKey({ id, published_at, headline, html }, ctx) {
  const href = `${ctx.base}/live/${ctx.feed.slug}/${id}`;
  const text = headline || fragment(html, ctx.base).textContent?.slice(0, 110);
  const moment = h("a", { href }, time(published_at, ctx), " ", h("span", {}, text));
  return h("li", { "data-id": id, "data-at": published_at }, moment);
}

/** @param {string} text */
const paragraphs = (text) => text.split("\n").map((line) => line.trim()).filter(Boolean);

/**
 * Everything around the posts, as the server's words bring it; `view.js` fills it.
 * @param {Context} ctx
 * @returns {HTMLElement}
 */
export function renderFrame({ words, feed, base }) {
  const root = /** @type {HTMLElement} */ (fragment(words.frame, base).firstElementChild);
  root.lang = feed.language;
  root.dir = feed.direction;
  return root;
}

/**
 * What stands in the place of posts while there are none.
 * @param {Context} ctx
 * @returns {string}
 */
export function emptyText({ words, feed }) {
  if (feed.status !== "upcoming") return words.empty;
  const { coverage_start: start } = feed;
  return words.before + (start ? ` ${fullText(words, local(start, feed.timezone))}` : "");
}
