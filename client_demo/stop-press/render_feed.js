/**
 * The DOM of what surrounds the posts: head, summary, links and key moments.
 *
 * Twin of the macros in `stoppress/web/pages/templates/feed.html`, as `render_post.js` is.
 * @module
 */

import { fragment, h, link, time } from "./render_post.js";
import { fullText, localTime } from "./localization.js";

/** @typedef {import("./render_post.js").Context} Context */

/**
 * The head of a feed: status, title, standfirst.
 * @param {Context} ctx
 * @returns {HTMLElement}
 */
export function renderHead({ words, feed, level }) {
  const { status } = feed;
  const at = status === "upcoming" ? feed.coverage_start : feed.closed_at;
  return h(
    "header",
    { class: "sp-head", part: "head" },
    h(
      "p",
      "sp-status",
      h("span", `sp-badge sp-is-${status}`, words.status[status]),
      at
        ? [" ", h("time", { datetime: at }, fullText(words, localTime(at, feed.timezone)))]
        : ` ${words.state[status]}`,
    ),
    at && status === "upcoming" && h("p", { class: "sp-until", "data-at": at }),
    h(`h${level}`, { class: "sp-title", part: "title" }, feed.title),
    paragraphs(feed.standfirst).map((text) => h("p", "sp-standfirst", text)),
  );
}

/**
 * A box beside the posts, hidden while empty.
 * @param {string} tag
 * @param {string} name
 * @param {Context} ctx
 * @param {string} label
 * @param {any[]} items
 * @returns {HTMLElement}
 */
const renderBox = (tag, name, { level }, label, items) =>
  h(
    tag,
    { class: `sp-${name}`, part: name, "aria-label": label, hidden: items.length ? null : "" },
    h(`h${level + 1}`, "", label),
    h("ul", "", items.map((item) => h("li", "", item))),
  );

/**
 * The summary, if the feed has one.
 * @param {Context} ctx
 */
export function renderSummary(ctx) {
  const lines = paragraphs(ctx.feed.summary).map((text) => text.replace(/^[-*] /, ""));
  return renderBox("aside", "summary", ctx, ctx.words.summary, lines);
}

/**
 * The related pages, if there are any, without the feed's own.
 * @param {Context} ctx
 */
export function renderLinks(ctx) {
  const { links = [], url, slug } = ctx.feed;
  const items = links.map(
    (/** @type {any} */ related) => ![url, `/live/${slug}`].includes(related.url) && link(related.url, ctx, related.title),
  );
  return renderBox("nav", "links", ctx, ctx.words.related, items.filter(Boolean));
}

/**
 * An item of the list of key moments.
 * @param {import("./fold.js").Post} post
 * @param {Context} ctx
 * @returns {HTMLElement}
 */
export function renderKeyMoment(post, ctx) {
  const { id, published_at } = post;
  const href = `${ctx.base}/live/${ctx.feed.slug}/${id}`;
  const anchor = h("a", { href }, time(published_at, ctx), " ", h("span", "", headlineOf(post)));
  return h("li", { "data-id": id, "data-at": published_at }, anchor);
}

/**
 * A post's headline, else the start of its text.
 * @param {import("./fold.js").Post} post
 */
export const headlineOf = ({ headline, html = "" }) =>
  headline || /** @type {string} */ (fragment(html, "").textContent).slice(0, 110);

/** @param {string} [text] */
const paragraphs = (text = "") => text.split("\n").map((line) => line.trim()).filter(Boolean);

/**
 * The whole feed without posts, from the table of words; `feed_view.js` fills it.
 * @param {Context} ctx
 * @returns {HTMLElement}
 */
export function renderFeed({ words, feed, base }) {
  const root = /** @type {HTMLElement} */ (fragment(words.frame, base).firstElementChild);
  root.lang = feed.language;
  root.dir = feed.direction;
  return root;
}

/**
 * Draw again what a change of the feed changed.
 * @param {HTMLElement} root
 * @param {Context} ctx
 */
export function updateFeed(root, ctx) {
  for (const renderPart of [renderHead, renderSummary, renderLinks]) {
    const fresh = renderPart(ctx);
    const old = root.querySelector(`.${fresh.className}`);
    if (old && !old.isEqualNode(fresh)) old.replaceWith(fresh);
  }
}
