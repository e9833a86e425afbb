/**
 * The DOM of a post; `render_head_and_side_boxes.js` has what surrounds the posts.
 *
 * Twin of the macros in `stoppress/web/pages/templates/feed_macros.html`: the same elements,
 * attributes and order, so that a page can be taken over; a test compares them.
 * Every element is built by hand, except a post's `html`, which the server has
 * sanitised and which only `fragment` parses.
 * @module
 */

import { dayText, fullText, localTime } from "./localization.js";
import { smallest } from "./smallest_uploaded_picture.js";
import { trusted } from "./trusted_types.js";

/**
 * @typedef {import("./fold.js").Post} Post
 * @typedef {import("./fold.js").Feed} Feed
 * @typedef {{words: import("./localization.js").Words, feed: Feed, base: string,
 *   headingLevel: number, more?: More}} Context What one feed is drawn with: `base` precedes
 *   root-relative addresses, `headingLevel` is that of the title's heading, `more` is there
 *   once `feed_extras.js` is loaded.
 * @typedef {{renderMedia: typeof import("./render_media.js").renderMedia,
 *   patchElement: typeof import("./patch_post.js").patchElement}} More
 */

/**
 * An element with its children. Attributes that are null or false, and children that are
 * empty, are left out.
 * @param {string} selector The tag and its classes, such as `p.sp-by`.
 * @param {any[]} content Children, in lists or not; a plain object holds attributes, of
 *   which one that is true has the name of the first class, without `sp-`.
 * @returns {HTMLElement}
 */
export function h(selector, ...content) {
  const [tag, ...classes] = selector.split(".");
  const element = document.createElement(tag);
  if (classes[0]) element.className = classes.join(" ");
  for (const one of content.flat().filter(Boolean)) {
    if (one.constructor !== Object) element.append(one);
    else for (const [name, value] of Object.entries(one)) {
      if (value != null && value !== false) element.setAttribute(name, value === true ? classes[0].slice(3) : value);
    }
  }
  return element;
}

/**
 * The only parser of markup: a post's `html`, without anything that may run.
 * @param {string} html
 * @param {string} base
 * @returns {DocumentFragment}
 */
export function fragment(html, base) {
  const template = document.createElement("template");
  template.innerHTML = trusted().createHTML(html);
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
  const marks = /** @type {const} */ (["breaking", "key", "verification"]).filter((mark) => post[mark]);
  const language = post.language === feed.language ? null : post.language;
  // Without one, the text has that of its surroundings.
  const direction = post.direction ?? (language && (RTL.test(language) ? "rtl" : "ltr"));
  const { headline, html, authors, media, tags, source, location, correction } = post;
  // Parts are for a page around the widget.
  const isWidget = ctx.headingLevel > 1;
  const updated = /** @type {string} */ (post.updated_at);
  const [before, after] = words.updated.split("{time}");
  const article = h(
    ["article.sp-post", ...marks].join(".sp-is-"),
    {
      part: isWidget, role: !pinned && "article", id, "data-id": post.id,
      "data-at": post.published_at, "data-rev": post.rev, tabindex: 0,
      "aria-labelledby": `${id}-${headline ? "h" : "t"}`,
    },
    h(
      "p.sp-when",
      h("a", { href }, time(post.published_at, ctx, `${id}-t`)),
      h("span.sp-ago"),
    ),
    marks.length && h("p.sp-marks", marks.map((mark) => h(`span.sp-${mark}`, words[mark] ?? words[/** @type {string} */ (post[mark])]))),
    h(
      "div.sp-what",
      { lang: language, dir: direction },
      headline && h(`h${ctx.headingLevel + 1}.sp-headline`, { part: isWidget, id: `${id}-h` }, headline),
      authors?.map(({ name, url, role, image }) => {
        const src = smallest(safeUrl(image, base));
        return h("p.sp-by", src && h("img", { alt: "", src }), link(url, ctx, name), role && ` · ${role}`);
      }),
      html && h("div.sp-body", { part: isWidget }, fragment(html, base)),
      media?.map((item) => ctx.more?.renderMedia(item, ctx)),
      correction && h(
        "p.sp-correction",
        h("strong", words.correction), " ", time(correction.at, ctx), " ", correction.note,
      ),
    ),
    h(
      "footer.sp-foot",
      source && h("span.sp-source", `${words.source}: `, link(source.url, ctx, source.name)),
      location && h("span.sp-location", `${words.location}: `, location),
      tags && h("ul.sp-tags", tags.map((tag) =>
        h("li", h("a", { href: `${base}/live/${feed.slug}?tag=${encodeURIComponent(tag)}` }, tag)))),
      updated > post.published_at && h("span.sp-updated", before, time(updated, ctx), after),
      h("a.sp-share", { href }, words.share),
    ),
  );
  // Adjacent text nodes become one, as a parser makes them.
  article.normalize();
  return article;
}

/**
 * The heading of a day, inside the first post of that day.
 * @param {string} day
 * @param {Context} ctx
 */
export const renderDay = (day, { words }) =>
  h("p.sp-day", h("time", { datetime: day }, dayText(words, day)));
