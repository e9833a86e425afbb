/**
 * The DOM of what surrounds the posts: head, summary, links and key moments.
 *
 * Twin of the macros in `stoppress/web/pages/templates/feed_macros.html`, as `render_post.js` is.
 * @module
 */

import { patchElement } from "./patch_post.js";
import { headlineOf } from "./post_title.js";
import { renderPicture } from "./render_media.js";
import { h, link, renderDay, safeUrl, time } from "./render_post.js";
import { fullText, localTime } from "./localization.js";

/** @typedef {import("./render_post.js").Context} Context */

/**
 * The head of a feed: status, title, standfirst, picture.
 * @param {Context} ctx
 * @returns {HTMLElement}
 */
export function renderHead({ words, feed, headingLevel, base }) {
  const { status, image } = feed;
  const src = safeUrl(image?.url, base);
  const [first, ...others] = paragraphs(feed.standfirst).map((text) => h("p.sp-standfirst", text));
  const at = status === "upcoming" ? feed.coverage_start : feed.closed_at;
  return h(
    "header.sp-head",
    { part: headingLevel > 1 },
    h(
      "p.sp-status",
      h(`span.sp-badge.sp-is-${status}`, words.status[status]),
      at
        ? [" ", h("time", { datetime: at }, fullText(words, localTime(at, feed.timezone)))]
        : [` ${words.state[status]}`, status === "live" && h("span.sp-last")],
    ),
    at && status === "upcoming" && h("p.sp-until", { "data-at": at }),
    h(`h${headingLevel}.sp-title`, { part: headingLevel > 1 }, feed.title),
    first,
    others.length && h("details.sp-about", h("summary", words.showAll), others),
    src && h("figure.sp-lead", { part: headingLevel > 1 }, renderPicture(src, /** @type {{alt?: string}} */ (image))),
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
const renderBox = (tag, name, { headingLevel }, label, items) =>
  h(
    `${tag}.sp-${name}`,
    { part: headingLevel > 1, "aria-label": label, hidden: items.length ? null : "" },
    h(`h${headingLevel + 1}`, label),
    h("ul", items.map((item) => h("li", item))),
  );

/**
 * The summary, if the feed has one.
 * @param {Context} ctx
 */
export function renderSummary(ctx) {
  const lines = paragraphs(ctx.feed.summary).map((text) => text.replace(/^[-*] /, ""));
  const box = renderBox("aside", "summary", ctx, ctx.words.summary, lines);
  // On a phone it opens where it has the focus.
  box.tabIndex = 0;
  box.dataset.more = ctx.words.showAll;
  return box;
}

/**
 * The related pages, if there are any, without the feed's own.
 * @param {Context} ctx
 */
export function renderLinks(ctx) {
  const { links = [], url, slug } = ctx.feed;
  const items = links.map(
    (related) => ![url, `/live/${slug}`].includes(related.url) && link(related.url, ctx, related.title),
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
  const anchor = h("a", { href }, time(published_at, ctx), " ", h("span", headlineOf(post, ctx.words)));
  return h("li", { "data-id": id, "data-at": published_at }, anchor);
}

/**
 * Put the day before the first item of each day.
 * @param {Element} list Its items say when, by `data-at`.
 * @param {Context} ctx
 */
export function labelDays(list, ctx) {
  let day = "";
  for (const item of /** @type {any} */ (list.children)) {
    const own = localTime(item.dataset.at, ctx.feed.timezone).day;
    item.querySelector(".sp-day")?.remove();
    if (own !== day) item.prepend(renderDay(own, ctx));
    day = own;
  }
}

/** @param {string} [text] */
const paragraphs = (text = "") => text.split("\n").map((line) => line.trim()).filter(Boolean);

/**
 * Draw again what a change of the feed changed.
 * @param {HTMLElement} root
 * @param {Context} ctx
 */
export function updateFeed(root, ctx) {
  for (const renderPart of [renderHead, renderSummary, renderLinks]) {
    const fresh = renderPart(ctx);
    const old = root.querySelector(`.${fresh.className}`);
    // What the reader opened stays open.
    if (old?.querySelector("details[open]")) fresh.querySelector("details")?.setAttribute("open", "");
    if (!old || old.isEqualNode(fresh)) continue;
    // Of the head only what changed, so that its picture stays.
    if (renderPart === renderHead) patchElement(old, fresh);
    else old.replaceWith(fresh);
  }
  /** @type {HTMLElement} */ (root.querySelector(".sp-empty")).textContent = ctx.words.empty[ctx.feed.status];
}
