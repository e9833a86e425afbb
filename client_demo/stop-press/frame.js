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
        ? [" ", h("time", { datetime: at }, fullText(words, local(at, feed.timezone)))]
        : ` ${words.state[status]}`,
    ),
    at && status === "upcoming" && h("p", { class: "sp-until", "data-at": at }),
    h(`h${level}`, { class: "sp-title", part: "title" }, feed.title),
    paragraphs(feed.standfirst).map((text) => h("p", "sp-standfirst", text)),
  );
}

/**
 * A box beside the posts, hidden while it is empty.
 * @param {string} tag
 * @param {string} name
 * @param {Context} ctx
 * @param {string} label
 * @param {any[]} items
 * @returns {HTMLElement}
 */
const box = (tag, name, { level }, label, items) =>
  h(
    tag,
    { class: `sp-${name}`, part: name, "aria-label": label, hidden: items.length ? null : "" },
    h(`h${level + 1}`, "", label),
    h("ul", "", items.map((item) => h("li", "", item))),
  );

/**
 * What is known so far, if the newsroom keeps that.
 * @param {Context} ctx
 */
export function renderSummary(ctx) {
  const lines = paragraphs(ctx.feed.summary).map((text) => text.replace(/^[-*] /, ""));
  return box("aside", "summary", ctx, ctx.words.summary, lines);
}

/**
 * The related pages, where there are any; never the feed's own.
 * @param {Context} ctx
 */
export function renderLinks(ctx) {
  const { links = [], url, slug } = ctx.feed;
  const items = links.map(
    (/** @type {any} */ one) => ![url, `/live/${slug}`].includes(one.url) && link(one.url, ctx, one.title),
  );
  return box("nav", "links", ctx, ctx.words.related, items.filter(Boolean));
}

/**
 * A key moment in the list of them.
 * @param {import("./fold.js").Post} post
 * @param {Context} ctx
 * @returns {HTMLElement}
 */
export function renderKey(post, ctx) {
  const { id, published_at } = post;
  const href = `${ctx.base}/live/${ctx.feed.slug}/${id}`;
  const moment = h("a", { href }, time(published_at, ctx), " ", h("span", "", headlineOf(post)));
  return h("li", { "data-id": id, "data-at": published_at }, moment);
}

/**
 * What a post is called where there is room for a line or two.
 * @param {import("./fold.js").Post} post
 */
export const headlineOf = ({ headline, html = "" }) =>
  headline || /** @type {string} */ (fragment(html, "").textContent).slice(0, 110);

/** @param {string} [text] */
const paragraphs = (text = "") => text.split("\n").map((line) => line.trim()).filter(Boolean);

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
 * Draw anew what a change of the feed changed.
 * @param {HTMLElement} root
 * @param {Context} ctx
 */
export function renewFrame(root, ctx) {
  for (const render of [renderHead, renderSummary, renderLinks]) {
    const fresh = render(ctx);
    const old = root.querySelector(`.${fresh.className}`);
    if (old && !old.isEqualNode(fresh)) old.replaceWith(fresh);
  }
}
