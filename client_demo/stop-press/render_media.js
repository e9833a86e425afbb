/**
 * The DOM of what a post has besides its text: pictures, quotes, links and embeds.
 *
 * Twin of the macro `media` in `stoppress/web/pages/templates/feed_macros.html`.
 * @module
 */

import { isUploaded, smallest } from "./smallest_uploaded_picture.js";
import { hostOf } from "./shorten_text_and_name_host.js";
import { fill } from "./localization.js";
import { h, safeUrl } from "./render_post.js";

/**
 * A picture; of an uploaded one the browser chooses among the variants.
 * @param {string} src
 * @param {{width?: number, height?: number, alt?: string}} picture With `width`, `height` and `alt`, as far as they are known.
 */
export function renderPicture(src, { width, height, alt }) {
  const srcset = isUploaded(src) && [480, 960, 1440].map((wide) => `${src}/${wide} ${wide}w`).join();
  return h("img", { src, srcset, width, height, alt: alt ?? "", loading: "lazy", decoding: "async" });
}

/**
 * One picture, quote, link or embed; null if it has no safe address.
 * @param {import("./fold.js").Media} item
 * @param {import("./render_post.js").Context} ctx
 */
export function renderMedia(item, ctx) {
  const { type, caption, credit, title, text, width, height, alt } = item;
  const url = safeUrl(item.url, ctx.base);
  const image = smallest(safeUrl(item.image, ctx.base));
  const note = (caption || credit) && h(
    "figcaption",
    caption,
    caption && credit && " ",
    credit && h("span.sp-credit", credit),
  );
  /**
   * @param {string} kind
   * @param {HTMLElement} content
   * @param {any} [size]
   */
  const figure = (kind, content, size) =>
    h(`figure.sp-media.sp-${kind}`, { "data-size": size }, content, note);
  if (type === "quote") return figure(type, h("blockquote", { cite: url }, h("p", text)));
  if (!url) return null;
  if (type === "image") {
    const link = { href: url, target: "_blank", rel: "noopener", "aria-label": alt ? null : ctx.words.picture };
    return figure(type, h("a.sp-zoom", link, renderPicture(url, item)));
  }
  const embed = type === "embed";
  const host = item.provider ?? hostOf(url) ?? url;
  const card = h(
    "a",
    { href: url, rel: "noopener" },
    image && renderPicture(image, {}),
    h(
      "span.sp-card-text",
      h("strong", title ?? (embed ? fill(ctx.words.load, { name: host }) : host)),
      text && h("span", text),
      title && h("small", host),
    ),
  );
  return figure(embed ? type : "card", card, embed && width && height && `${width} ${height}`);
}
