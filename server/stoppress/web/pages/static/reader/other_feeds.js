/**
 * The box of other live feeds and their newest posts, followed on the page's own line while
 * the box is in view.
 *
 * Each item keeps its feed's last cursor, from which the next follow resumes. The server
 * says which feeds those are: the box is fetched anew now and then, and where the line's
 * transport can't follow other feeds.
 * @module
 */

const RENEW_MS = 300_000;

/**
 * @param {HTMLElement} root The `.sp` element.
 * @param {import("./page_extras_beside_widget.js").Widget} widget
 * @returns {() => void} Ends it.
 */
export function createOtherFeeds(root, { reader, ctx, fragment, headlineOf, labelDays, time }) {
  const box = /** @type {any} */ (root.querySelector(".sp-others"));
  if (!box) return () => {};
  const page = /** @type {HTMLElement} */ (root.closest("stop-press"));
  let inView = false;
  let spreadMs = 4000;
  /** Whether the box is in view; unchanged by default, as when the line was opened anew. */
  const follow = (now = inView) => {
    for (const { dataset } of now || inView ? box.querySelectorAll("[data-cursor]") : []) {
      const { feed, cursor } = dataset;
      reader.send?.({ op: now ? "follow" : "unfollow", feed, cursor });
    }
    inView = now;
  };
  /** Fetch the box; if that fails it stays as it is. */
  const renew = async () => {
    try {
      const { html } = await reader.get(box.dataset.src);
      const fresh = /** @type {HTMLElement} */ (fragment(html, "").firstElementChild);
      box.replaceChildren(...fresh.childNodes);
      box.hidden = fresh.hidden;
      follow();
    } catch {
      // Until the next time.
    }
  };

  /** @param {any} message A message of another feed. */
  reader.other = ({ type, feed, cursor, post, retry_ms = spreadMs }) => {
    spreadMs = retry_ms;
    const item = box.querySelector(`[data-feed="${feed}"]`);
    if (!item) return;
    const { dataset, lastElementChild } = item;
    if (cursor) dataset.cursor = cursor;
    if (post?.published_at >= dataset.at) {
      Object.assign(dataset, { id: post.id, at: post.published_at });
      lastElementChild.replaceChildren(time(post.published_at, ctx), " ", headlineOf(post, ctx.words));
      labelDays(box.lastElementChild, ctx);
    } else if (post ? post.id === dataset.id : /^(feed|reset|error)/.test(type)) {
      // A withdrawn post goes at once; its successor is fetched at a random moment, so
      // that not all readers ask together.
      if (post) lastElementChild.replaceChildren();
      setTimeout(renew, Math.random() * spreadMs);
    }
  };
  const watch = new IntersectionObserver(([{ isIntersecting }]) => follow(isIntersecting));
  const lineChanged = (/** @type {any} */ { detail }) => {
    if (detail.line === "live") follow();
  };
  const timer = setInterval(() => {
    if (!document.hidden) renew();
  }, RENEW_MS);
  watch.observe(box);
  page.addEventListener("stoppress:state", lineChanged);
  return () => {
    watch.disconnect();
    clearInterval(timer);
    page.removeEventListener("stoppress:state", lineChanged);
    reader.other = undefined;
  };
}
