/**
 * What a feed has besides its posts and its line: the head, key moments, times, older
 * posts, sharing, embeds and the keyboard.
 *
 * Loaded after the page is live (`feed_view.js`). Until then, and where a page's policy
 * blocks it, posts still arrive, and the links lead to the server's own pages.
 * @module
 */

import { ordered } from "./fold.js";
import { createKeyMoments, jumpToPost } from "./key_moments.js";
import { moveByKeyboard } from "./keyboard.js";
import { loadEmbed } from "./load_embed.js";
import { patchElement } from "./patch_post.js";
import { plainClickOn } from "./plain_click.js";
import { createPauseButton } from "./pause_button.js";
import { createPostArrivals } from "./post_arrivals.js";
import { agoText, createPostTimes, drawCountdown } from "./post_times.js";
import { countText, fill } from "./localization.js";
import { labelDays, updateFeed } from "./render_head_and_side_boxes.js";
import { headlineOf } from "./post_title.js";
import { renderMedia } from "./render_media.js";
import { fragment, time } from "./render_post.js";
import { reportHeight } from "./report_height.js";
import { sharePost } from "./share_post.js";
import { createSlides } from "./animate_moves.js";

const TICK_MS = 30_000;
/** Over how long readers spread it when all has to be drawn anew. */
const RELOAD_SPREAD_MS = 4000;

/**
 * @typedef {ReturnType<typeof createFeedExtras>} FeedExtras
 * @typedef {{root: HTMLElement, ctx: import("./render_post.js").Context, own: boolean,
 *   reader: import("./client.js").Reader, from: string, dataset: DOMStringMap,
 *   part: {[name: string]: HTMLElement},
 *   list: ReturnType<typeof import("./post_list.js").createPostList>,
 *   bar: import("./status_bar.js").StatusBar, drawnFeed: import("./fold.js").Feed,
 *   draw: (all?: boolean, fresh?: boolean) => void, drawSoon: () => void}} FeedSurroundings
 *   `part`: elements of the page by their names. `drawnFeed`: as the page shows it now.
 *   The others: see `feed_view.js`.
 */

/**
 * By what every text of a feed is drawn.
 * @param {import("./fold.js").Feed} feed
 */
const rulesOf = (feed) => [feed.language, feed.direction, feed.timezone, !!feed.show_verification].join();

/** @param {FeedSurroundings} surroundings */
export function createFeedExtras(surroundings) {
  const { root, ctx, own, reader, from, dataset, part, bar, drawSoon } = surroundings;
  let { drawnFeed } = surroundings;
  const { host } = /** @type {any} */ (root.getRootNode());
  const { posts, pinned, more, says, pause, keys } = part;
  const arrivals = createPostArrivals(surroundings);
  const times = createPostTimes(ctx);
  const slides = createSlides(root, times.inView, drawSoon);
  const keyMoments = createKeyMoments(keys, ctx);
  // What the server's HTML says of that.
  drawnFeed.show_verification ||= /** @type {true | undefined} */ (/** @type {unknown} */ (dataset.verification));
  ctx.more = { renderMedia, patchElement };
  /** @type {any} */
  let timer;
  /** @type {(() => void) | undefined} */
  let stopReporting;

  createPauseButton(pause, bar, ctx, drawSoon);
  more.onclick = loadOlder;
  keys.onclick = (event) => jumpToPost(event, posts);
  posts.onkeydown = (event) => moveByKeyboard(event, more, pause);
  root.onclick = (event) => {
    sharePost(event, ctx, says);
    loadEmbed(event);
  };

  /** @param {MouseEvent} event */
  async function loadOlder(event) {
    const link = plainClickOn(event, "a");
    if (!link) return;
    event.preventDefault();
    const last = posts.lastElementChild;
    try {
      await reader.older();
    } catch {
      // In another site's page the link stays, to be clicked again; so it does where the
      // page itself asked (`data-auto`).
      if (own && !more.dataset.auto) location.assign(link.href);
      return;
    }
    arrivals.showOlder();
    if (!more.dataset.auto) /** @type {any} */ (last?.nextElementSibling)?.focus({ preventScroll: true });
  }

  function tick() {
    if (document.hidden) return;
    times.tick();
    drawCountdown(root.querySelector(".sp-until"), ctx.words);
    drawLast();
  }

  /** Say how long ago the newest post was published. */
  function drawLast() {
    const last = root.querySelector(".sp-last");
    const newest = reader.state && ordered(reader.state)[0];
    if (last && newest && !from) last.textContent = fill(ctx.words.ago, { ago: agoText(newest.published_at, ctx.words) });
  }

  // The server's own page has a script of its own, which draws with these.
  if (own) {
    const detail = { reader, ctx, countText, fragment, headlineOf, labelDays, time };
    root.dispatchEvent(new CustomEvent("stoppress:extras", { detail, bubbles: true }));
  }

  return {
    arrivals,
    slides,
    /** Articles in view, or nearly so; keeps the times of an article current. */
    ...times,
    /** Note a changed post, or only the id of a withdrawn one. */
    note: keyMoments.note,

    /** Begin to follow the clock and what the reader does. */
    start() {
      timer = setInterval(tick, TICK_MS);
      for (const article of [...posts.children, ...pinned.children]) times.follow(article);
      stopReporting = reportHeight(ctx.feed.slug, dataset.parent);
      tick();
    },

    stop() {
      clearInterval(timer);
      times.watch.disconnect();
      arrivals.stop();
      slides.stop();
      stopReporting?.();
    },

    /**
     * Draw the feed itself where it changed.
     * @param {import("./fold.js").Feed} feed
     */
    drawFeed(feed) {
      if (feed === drawnFeed) return;
      const isOther = rulesOf(feed) !== rulesOf(drawnFeed);
      drawnFeed = feed;
      // All is drawn anew then, by each reader at another moment.
      if (isOther) setTimeout(() => (own ? location : host).reload(), Math.random() * RELOAD_SPREAD_MS);
      updateFeed(root, ctx);
      tick();
    },

    drawMoments() {
      keyMoments.draw();
      drawLast();
    },

    /** Events were missed. */
    renew: () => keyMoments.renew(reader),

    /** The tab is hidden, or shown again. */
    visibilityChanged() {
      arrivals.visibilityChanged();
      tick();
    },

    /** The state of the line is another, as the bar says. */
    lineChanged() {
      arrivals.announce();
      // The line says what time it is.
      tick();
      if (bar.line === "gone") arrivals.clear();
    },
  };
}
