/**
 * The DOM of a post; `render_feed.js` has what surrounds the posts.
 *
 * Twin of the macros in `stoppress/web/pages/templates/feed.html`: the same elements,
 * attributes and order, so that a page can be taken over; a test compares them.
 * Every element is built by hand, except a post's `html`, which the server has
 * sanitised and which only `fragment` parses.
 * @module
 */

import { dayText, fill, fullText, localTime } from "./localization.js";

/**
 * @typedef {import("./fold.js").Post} Post
 * @typedef {import("./fold.js").Feed} Feed
 * @typedef {{words: import("./localization.js").Words, feed: Feed, base: string,
 *   level: number}} Context What one feed is drawn with: `base` precedes
 *   root-relative addresses, `level` is the level of the title's heading.
 */

/**
 * An element. Attributes and children that are null or false are left out.
 * @param {string} tag
 * @param {{[name: string]: any} | string} attributes A string is the class.
 * @param {any[]} children
 * @returns {HTMLElement}
 */
export function h(tag, attributes, ...children) {
  const element = document.createElement(tag);
  const all = typeof attributes === "string" ? { class: attributes || null } : attributes;
  for (const [name, value] of Object.entries(all)) {
    if (value != null && value !== false) element.setAttribute(name, value);
  }
  element.append(...children.flat().filter(Boolean));
  return element;
}

/** @type {any} */
let policy;

/**
 * The only parser of markup: a post's `html`, without anything that may run.
 * @param {string} html
 * @param {string} base
 * @returns {DocumentFragment}
 */
export function fragment(html, base) {
  const { trustedTypes } = /** @type {any} */ (globalThis);
  const rules = { createHTML: (/** @type {string} */ text) => text };
  policy ??= trustedTypes?.createPolicy("stop-press", rules) ?? rules;
  const template = document.createElement("template");
  template.innerHTML = policy.createHTML(html);
  const { content } = template;
  const forbidden = "script,style,iframe,object,embed,form,link,meta,base,svg,math,template";
  for (const element of content.querySelectorAll(forbidden)) element.remove();
  for (const element of content.querySelectorAll("*")) {
    for (const { name, value } of [...element.attributes]) {
      const address = name === "href" || name === "src";
      const url = address && safeUrl(value, base);
      if (/^on|^style$/i.test(name) || (address && !url && !/^(mailto:|tel:|#)/i.test(value))) {
        element.removeAttribute(name);
      } else if (url && url !== value) element.setAttribute(name, url);
    }
  }
  return content;
}

/**
 * An address that is safe to link to or load, else null.
 * @param {string | null | undefined} url
 * @param {string} base
 * @returns {string | null}
 */
export function safeUrl(url, base) {
  const text = /** @type {string} */ (url);
  if (/^https?:\/\//i.test(text)) return text;
  return /^\/(?![/\\])/.test(text) ? base + text : null;
}

const RTL = /^(ar|ckb|dv|fa|he|ps|sd|ug|ur|yi)\b/i;

/**
 * The direction of a text; null inherits that of its surroundings.
 * @param {string | null | undefined} language
 * @param {string | null | undefined} direction
 * @returns {string | null}
 */
const directionOf = (language, direction) =>
  direction ?? (language ? (RTL.test(language) ? "rtl" : "ltr") : null);

/**
 * A link, or only its text if the address is not safe.
 * @param {string | null | undefined} url
 * @param {Context} ctx
 * @param {string} text
 */
export function link(url, ctx, text) {
  const href = safeUrl(url, ctx.base);
  return href ? h("a", { href, rel: "noopener" }, text) : text;
}

/**
 * @param {string} at
 * @param {Context} ctx
 * @param {string | null} [id]
 */
export function time(at, { words, feed }, id = null) {
  const when = localTime(at, feed.timezone);
  return h("time", { id, datetime: at, title: fullText(words, when) }, when.clock);
}

/**
 * One post. `pinned`: the copy in the pinned box, which has another id.
 * @param {Post} post
 * @param {Context} ctx
 * @param {boolean} [pinned]
 * @returns {HTMLElement}
 */
export function renderPost(post, ctx, pinned = false) {
  const { words, base, feed } = ctx;
  const id = `${pinned ? "pinned" : "post"}-${post.id}`;
  const href = `${base}/live/${feed.slug}/${post.id}`;
  const kinds = `${post.key ? " sp-is-key" : ""}${post.breaking ? " sp-is-breaking" : ""}`;
  const language = post.language === feed.language ? null : post.language;
  const direction = directionOf(language, post.direction);
  const { headline, html, authors, media, tags, source, location, correction } = post;
  const [before, after] = words.updated.split("{time}");
  const article = h(
    "article",
    {
      class: `sp-post${kinds}`, part: "post", id, "data-id": post.id,
      "data-at": post.published_at, "data-rev": post.rev, tabindex: 0,
      "aria-labelledby": `${id}-${headline ? "h" : "t"}`,
    },
    h(
      "p",
      "sp-when",
      h("a", { href }, time(post.published_at, ctx, `${id}-t`)),
      h("span", "sp-ago"),
    ),
    (post.breaking || post.key) && h(
      "p",
      "sp-marks",
      post.breaking && h("span", "sp-mark sp-breaking", words.breaking),
      post.key && h("span", "sp-mark sp-key", words.key),
    ),
    h(
      "div",
      { class: "sp-what", lang: language, dir: direction },
      headline && h(`h${ctx.level + 1}`, { class: "sp-headline", part: "headline", id: `${id}-h` }, headline),
      authors && h("p", "sp-by", authors.flatMap((/** @type {any} */ { name, url }, /** @type {number} */ index) =>
        [index && ", ", link(url, ctx, name)])),
      html && h("div", { class: "sp-body", part: "body" }, fragment(html, base)),
      media?.map((/** @type {any} */ item) => renderMedia(item, ctx)),
      correction && h(
        "p",
        "sp-correction",
        h("strong", "", words.correction), " ", time(correction.at, ctx), " ", correction.note,
      ),
    ),
    h(
      "footer",
      "sp-foot",
      source && h("span", "sp-source", `${words.source}: `, link(source.url, ctx, source.name)),
      location && h("span", "sp-location", `${words.location}: `, location),
      tags && h("ul", "sp-tags", tags.map((/** @type {string} */ tag) =>
        h("li", "", h("a", { href: `${base}/live/${feed.slug}?tag=${encodeURIComponent(tag)}` }, tag)))),
      post.updated_at > post.published_at &&
        h("span", "sp-updated", before, time(post.updated_at, ctx), after),
      h("a", { class: "sp-share", href }, words.share),
    ),
  );
  // Adjacent text nodes become one, as a parser makes them.
  article.normalize();
  return article;
}

/**
 * @param {any} item
 * @param {Context} ctx
 */
function renderMedia(item, ctx) {
  const { type, caption, credit, title, text, width, height } = item;
  const url = safeUrl(item.url, ctx.base);
  const image = safeUrl(item.image, ctx.base);
  const note = (caption || credit) && h(
    "figcaption",
    "",
    caption,
    caption && credit && " ",
    credit && h("span", "sp-credit", credit),
  );
  /**
   * @param {string} kind
   * @param {HTMLElement} content
   * @param {any} [size]
   */
  const figure = (kind, content, size) =>
    h("figure", { class: `sp-media sp-${kind}`, "data-size": size }, content, note);
  /**
   * @param {string} src
   * @param {{[name: string]: any}} more
   */
  const picture = (src, more) => h("img", { src, alt: "", loading: "lazy", decoding: "async", ...more });
  if (type === "quote") return figure(type, h("blockquote", { cite: url }, h("p", "", text)));
  if (!url) return null;
  if (type === "image") return figure(type, picture(url, { width, height, alt: item.alt ?? "" }));
  const embed = type === "embed";
  const host = item.provider ?? /^https?:\/\/([^/?#]+)/i.exec(url)?.[1] ?? url;
  const card = h(
    "a",
    { href: url, rel: "noopener" },
    image && picture(image, {}),
    h(
      "span",
      "sp-card-text",
      h("strong", "", title ?? (embed ? fill(ctx.words.load, { name: host }) : host)),
      text && h("span", "", text),
      title && h("small", "", host),
    ),
  );
  return figure(embed ? type : "card", card, embed && width && height && `${width} ${height}`);
}

/**
 * The heading of a day, inside the first post of that day.
 * @param {string} day
 * @param {Context} ctx
 */
export const renderDay = (day, { words }) =>
  h("p", "sp-day", h("time", { datetime: day }, dayText(words, day)));
