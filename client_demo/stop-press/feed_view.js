/**
 * What a reader sees of one feed: follows the state, without moving what is being read.
 *
 * Rules:
 * - Articles are patched part by part: an unchanged part is never touched, so that a
 *   playing video goes on playing.
 * - A list that was empty is drawn a few posts per frame: no task keeps a phone from
 *   scrolling, and the first screen does not wait for the rest.
 * - Withdrawals and edits always apply, paused or not.
 * - All that a feed's page has besides its posts and its line is loaded after the page is
 *   live (`feed_extras.js`). Until then, and where a page's policy blocks it, posts still
 *   arrive, and links lead to the server's own pages.
 * @module
 */

import { ordered } from "./fold.js";
import { plainClickOn } from "./plain_click.js";
import { createPostList } from "./post_list.js";
import { isOldestFirst } from "./is_oldest_first.js";
import { isFramed, keepPlace, visibleArea } from "./scroll_anchoring.js";
import { createStatusBar } from "./status_bar.js";

/** @typedef {ReturnType<typeof createFeedView>} FeedView */

/** How many posts a frame adds to a list that was empty. */
const FIRST_POSTS = 2;

/**
 * @param {HTMLElement} root The `.sp` element.
 * @param {import("./render_post.js").Context} ctx
 * @param {boolean} own Whether this is the feed's own page.
 * @param {import("./client.js").Reader} reader
 * @param {string} from See `which_posts_belong_on_page.js`.
 * @param {DOMStringMap} dataset See `which_posts_belong_on_page.js`.
 */
export function createFeedView(root, ctx, own, reader, from, dataset) {
  /** @type {{[name: string]: HTMLElement}} */
  const part = {};
  for (const name of "new posts pinned empty more says line pause keys".split(" ")) {
    part[name] = /** @type {HTMLElement} */ (root.querySelector(`.sp-${name}`));
  }
  const { posts, pinned, more } = part;
  const rising = isOldestFirst(from);
  const onDraw = (/** @type {Element} */ article) => extras?.follow(article);
  const list = createPostList(posts, ctx, onDraw);
  const pinnedList = createPostList(pinned, ctx, onDraw, true);
  const bar = createStatusBar(part.line, ctx);
  /** Whether the bar above the list is in view (if read oldest first: what is below it). */
  let isBarInView = false;
  const watch = new IntersectionObserver((entries) => {
    isBarInView = /** @type {any} */ (entries.at(-1)).isIntersecting;
    drawSoon();
  });
  const drawnFeed = ctx.feed;
  /** @type {import("./feed_extras.js").FeedExtras | null} */
  let extras = null;
  /** @type {Promise<void> | null} */
  let loading = null;
  /** Whether key moments may have changed before there was anyone to note it. */
  let isBehind = false;
  let isStarted = false;
  let isDrawn = own;
  let isDue = false;

  // A click for what is not loaded yet, which then has handlers of its own.
  root.onclick = async (event) => {
    const link = plainClickOn(event, ".sp-share, .sp-embed > a, .sp-more > a");
    if (!link) return;
    event.preventDefault();
    root.onclick = null;
    await loadExtras();
    link.click();
  };

  /** Draw once for everything that changes within this frame. */
  function drawSoon() {
    if (isDue) return;
    isDue = true;
    // A hidden tab has no animation frames.
    (document.hidden ? setTimeout : requestAnimationFrame)(drawIfDue);
  }

  function drawIfDue() {
    if (!isDue) return;
    isDue = false;
    draw();
  }

  /**
   * @param {boolean} [all] Insert every post, wherever the reader is.
   * @param {boolean} [fresh] Whether inserted posts are highlighted.
   */
  function draw(all = false, fresh = isDrawn) {
    const { state, next } = reader;
    // Which posts belong to a page of other than the newest is among the extras.
    if (!state || bar.line === "gone" || (from && !extras)) return;
    // Draws again when what slides has arrived.
    if (!all && extras?.slides.isRunning()) return;
    const area = visibleArea(posts, dataset.parent);
    const { top, bottom, height } = posts.getBoundingClientRect();
    const begins = top - area.room >= area.top - 1 && (!isFramed || isBarInView);
    // News is put in where it is seen: at the beginning, or at the end if that is newest.
    const isInView = !height || (rising ? bottom <= area.bottom + 1 : begins);
    const inserts = !document.hidden && !bar.paused && isInView;
    const chosen = extras ? extras.arrivals.choose(state, inserts, all, isDrawn) : ordered(state);
    // They arrived where the reader sees them, and are drawn.
    if (!chosen) return;
    const shown = all || isDrawn ? chosen : chosen.slice(0, posts.children.length + FIRST_POSTS);
    const change = () => keepPlace(root, posts, area, extras?.inView, inserts && !rising, begins, (defers) => {
      list.showPosts(shown, fresh, !!next, defers);
      drawSurroundings(state);
    });
    // The first posts come with the head: nothing is there to slide.
    const isUnfinished = extras && isDrawn ? extras.slides.around(inserts, area, change) : change();
    if (isUnfinished || !isDrawn) drawSoon();
    isDrawn = !chosen[shown.length];
    part.empty.hidden = shown.length > 0;
    more.hidden = !next || !isDrawn;
    if (next) /** @type {HTMLAnchorElement} */ (more.firstElementChild).href = `${ctx.base}/live/${ctx.feed.slug}?${next.split("?")[1]}`;
    extras?.arrivals.count();
  }

  /**
   * Draw what surrounds the posts, where it changed.
   * @param {import("./fold.js").State} state
   */
  function drawSurroundings(state) {
    const { feed, pinned: post } = state;
    if (feed !== ctx.feed) {
      ctx.feed = feed;
      bar.draw();
    }
    extras?.drawFeed(feed);
    // A page of other than the newest posts has neither.
    if (from) return;
    if (isDrawn) extras?.drawMoments();
    pinnedList.showPosts(post ? [post] : []);
    pinned.hidden = !post;
  }

  const loadExtras = () => (loading ??= (async () => {
    try {
      const { createFeedExtras } = await import("./feed_extras.js");
      if (extras) return;
      extras = createFeedExtras({ root, ctx, own, reader, from, dataset, part, list, bar, drawnFeed, draw, drawSoon });
      list.completePosts();
      pinnedList.completePosts();
      if (isStarted) extras.start();
      if (isBehind) await renew();
      drawSoon();
    } catch (error) {
      console.warn("stop-press:", error);
    }
  })());

  async function renew() {
    isBehind = true;
    if (!extras || from) return;
    isBehind = false;
    await extras.renew();
    drawSoon();
  }

  function visibilityChanged() {
    extras?.visibilityChanged();
    drawSoon();
    if (document.hidden) drawIfDue();
  }

  return {
    /** Begin to follow what the reader does. */
    start() {
      isStarted = true;
      document.addEventListener("visibilitychange", visibilityChanged);
      watch.observe(rising ? more : part.line);
      extras?.start();
      drawSoon();
      // In another site's page it is there, and draws the head with the first posts.
      own ? (globalThis.requestIdleCallback ?? setTimeout)(loadExtras) : loadExtras();
    },

    stop() {
      isStarted = false;
      document.removeEventListener("visibilitychange", visibilityChanged);
      watch.disconnect();
      extras?.stop();
    },

    /**
     * Show the reader's state, soon.
     * @param {any} [post] The post that changed, or only the id of a withdrawn one.
     */
    showPost(post) {
      if (post && extras) extras.note(post);
      else if (post) isBehind = true;
      drawSoon();
    },

    /** A snapshot has replaced the state. */
    renew,

    /**
     * Show the state of the line and the number of readers.
     * @param {import("./client.js").LineState} line
     * @param {number} [readers]
     */
    showLine(line, readers = bar.readers) {
      Object.assign(bar, { line, readers });
      bar.draw();
      extras?.lineChanged();
      // After a break what failed may succeed.
      if (line === "reconnecting" && !extras) loading = null;
      if (line === "live") loadExtras();
      if (line !== "gone") return;
      for (const one of [posts, pinned, part.keys.lastElementChild]) one?.replaceChildren();
      pinned.hidden = more.hidden = part.keys.hidden = true;
    },
  };
}
