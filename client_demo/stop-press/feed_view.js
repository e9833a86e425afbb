/**
 * What a reader sees of one feed: follows the state, without moving what is being read.
 *
 * Rules:
 * - A new post is inserted only while the top of the list is in view, the tab is visible
 *   and the reader has not paused; else it is counted on a button.
 * - Articles are patched part by part: an unchanged part is never touched, so that a
 *   playing video goes on playing.
 * - Withdrawals and edits always apply, paused or not.
 * @module
 */

import { isBelow, ordered, positionOf } from "./fold.js";
import { keepPlace } from "./keep_place.js";
import { createKeyMoments, jumpToPost } from "./key_moments.js";
import { moveByKeyboard } from "./keyboard.js";
import { createNewPosts } from "./new_posts.js";
import { createOtherFeeds } from "./other_feeds.js";
import { loadEmbed } from "./patch_post.js";
import { plainClickOn } from "./plain_click.js";
import { createPostList } from "./post_list.js";
import { createPostSelection } from "./post_selection.js";
import { createPostTimes, drawCountdown } from "./post_times.js";
import { updateFeed } from "./render_feed.js";
import { h } from "./render_post.js";
import { sharePost } from "./share_post.js";
import { articlePosition } from "./state_from_page.js";
import { createStatusBar } from "./status_bar.js";

const TICK_MS = 30_000;
const MAX_POSTS = 200;
const OTHER_FEEDS_TICKS = 10;

/** @typedef {ReturnType<typeof createFeedView>} FeedView */

/**
 * @param {HTMLElement} root The `.sp` element.
 * @param {import("./render_post.js").Context} ctx
 * @param {boolean} own Whether this is the feed's own page, whose title may show a count.
 * @param {import("./client.js").Reader} reader
 * @param {string} from See `post_selection.js`.
 * @param {DOMStringMap} dataset See `post_selection.js`.
 */
export function createFeedView(root, ctx, own, reader, from, dataset) {
  const [newButton, posts, pinned, empty, more, announcer, lineText, pauseButton, moments] = [
    "new", "posts", "pinned", "empty", "more", "says", "line", "pause", "keys",
  ].map((name) => /** @type {HTMLElement} */ (root.querySelector(`.sp-${name}`)));
  const { rising, home, isBefore, includes } = createPostSelection(from, dataset, posts.firstElementChild);
  const times = createPostTimes(ctx.words);
  const list = createPostList(posts, ctx, times.follow);
  const pinnedList = createPostList(pinned, ctx, times.follow, true);
  const keyMoments = createKeyMoments(moments, ctx);
  const bar = createStatusBar(lineText, pauseButton, ctx, drawSoon);
  const newPosts = createNewPosts(newButton, announcer, ctx.words, own, () => !bar.line.endsWith("connecting"));
  const othersBox = root.querySelector(".sp-others");
  const others = othersBox && createOtherFeeds(othersBox, reader, ctx);
  reader.other = others?.take;
  const watch = new IntersectionObserver((entries) => {
    drawSoon();
    for (const { target, isIntersecting } of entries) if (target === othersBox) others?.follow(isIntersecting);
  });
  /** To how many posts arrivals may grow the list; more if the reader has loaded more. */
  let maxPosts = MAX_POSTS;
  let isDrawn = own;
  let isDue = false;
  let wasHidden = false;
  /** @type {any} */
  let timer;
  let ticks = 0;

  newButton.onclick = () => (home ? location.assign(home) : reveal(true));
  more.onclick = loadOlder;
  moments.onclick = (event) => jumpToPost(event, posts);
  posts.onkeydown = (event) => moveByKeyboard(event, more, pauseButton);
  root.onclick = (event) => {
    sharePost(event, ctx, announcer);
    loadEmbed(event);
  };

  // Drawing

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
    if (!state || bar.line === "gone") return;
    const { waiting } = newPosts;
    const inserts = !home && mayInsert();
    // A reader at the top does not see posts go at the bottom.
    if (!from && inserts && reader.trim(maxPosts)) return;
    const included = ordered(state).filter(includes);
    if (isDrawn && !all) {
      const last = posts.lastElementChild && articlePosition(posts.lastElementChild);
      const arrived = included.filter(
        (post) => !list.drawn.has(post.id) && !waiting.has(post.id) &&
          (rising || !last || isBelow(last, positionOf(post))),
      );
      newPosts.announce(arrived.length);
      for (const post of arrived) if (home ? isBefore(post) : !inserts) waiting.add(post.id);
    }
    isDrawn = true;
    for (const id of waiting) {
      const post = state.posts.get(id);
      if (!post || !includes(post)) waiting.delete(id);
    }
    if (waiting.size && inserts) return reveal(false);
    const isUnfinished = keepPlace(root, posts, inserts && !rising, (defers) => {
      const shown = included.filter((post) => !waiting.has(post.id) && !isBefore(post));
      list.show(shown, fresh, !!next, defers);
      drawSurroundings(state);
    });
    if (isUnfinished) drawSoon();
    empty.hidden = included.length > 0;
    more.hidden = !next;
    const link = /** @type {HTMLAnchorElement} */ (more.firstElementChild);
    if (next) link.href = `${ctx.base}/live/${ctx.feed.slug}?${next.split("?")[1]}`;
    newPosts.count();
  }

  /**
   * Draw what surrounds the posts, where it changed.
   * @param {import("./fold.js").State} state
   */
  function drawSurroundings({ feed, pinned: post }) {
    if (feed !== ctx.feed) {
      ctx.feed = feed;
      updateFeed(root, ctx);
      tick();
      bar.draw();
    }
    // A page of other than the newest posts has neither.
    if (from) return;
    keyMoments.draw();
    pinnedList.show(post ? [post] : []);
    pinned.hidden = !post;
  }

  // New posts

  function mayInsert() {
    const { top, bottom, height } = posts.getBoundingClientRect();
    const inView = rising ? bottom <= innerHeight + 1 : top >= -1;
    return !document.hidden && !bar.paused && (inView || !height);
  }

  /**
   * Insert the waiting posts, with a divider between them and what was seen.
   * @param {boolean} go Whether to scroll to the first unread post.
   */
  function reveal(go) {
    const ids = newPosts.take();
    posts.querySelector(".sp-since")?.remove();
    draw(true);
    const fresh = /** @type {any[]} */ ([...posts.children]).filter(({ dataset }) => ids.has(dataset.id));
    const [first] = fresh;
    const oldest = rising ? first : fresh.at(-1);
    const below = rising ? oldest : oldest?.nextElementSibling;
    if (go || wasHidden) below?.prepend(h("p", "sp-since", ctx.words.since));
    wasHidden = false;
    if (!go || !oldest) return;
    // All new posts if they fit, else the oldest of them, with the divider below.
    const fits = oldest.getBoundingClientRect().bottom - first.getBoundingClientRect().top < innerHeight;
    (fits ? first : oldest).scrollIntoView({ block: fits ? "start" : "end" });
    oldest.focus({ preventScroll: true });
  }

  // The reader

  function visibilityChanged() {
    if (document.hidden) {
      wasHidden = true;
      drawIfDue();
    } else {
      newPosts.announce();
      drawSoon();
      tick();
    }
  }

  /** @param {MouseEvent} event */
  async function loadOlder(event) {
    const link = plainClickOn(event, "a");
    if (!link) return;
    event.preventDefault();
    const last = posts.lastElementChild;
    try {
      await reader.older();
    } catch {
      // In another site's page the link stays, to be clicked again.
      if (own) location.assign(link.href);
      return;
    }
    maxPosts = Math.max(maxPosts, reader.state?.posts.size ?? 0);
    draw(true, false);
    /** @type {any} */ (last?.nextElementSibling)?.focus({ preventScroll: true });
  }

  function tick() {
    if (document.hidden) return;
    times.tick();
    drawCountdown(root.querySelector(".sp-until"), ctx.words);
    ticks += 1;
    if (ticks % OTHER_FEEDS_TICKS === 0) others?.renew();
  }

  return {
    /** Begin to follow the clock and what the reader does. */
    start() {
      document.addEventListener("visibilitychange", visibilityChanged);
      timer = setInterval(tick, TICK_MS);
      watch.observe(rising ? more : /** @type {Element} */ (newButton.parentElement));
      for (const article of [...posts.children, ...pinned.children]) times.follow(article);
      if (othersBox) watch.observe(othersBox);
      tick();
      drawSoon();
    },

    stop() {
      document.removeEventListener("visibilitychange", visibilityChanged);
      clearInterval(timer);
      watch.disconnect();
      times.watch.disconnect();
      newPosts.stop();
    },

    /**
     * Show the reader's state, soon.
     * @param {any} [post] The post that changed, or only the id of a withdrawn one.
     */
    show(post) {
      if (post) keyMoments.note(post);
      drawSoon();
    },

    /** A snapshot has replaced the state. */
    async renew() {
      if (from) return;
      await keyMoments.renew(reader);
      drawSoon();
    },

    /**
     * Show the state of the line and the number of readers.
     * @param {import("./client.js").LineState} line
     * @param {number} [readers]
     */
    showLine(line, readers = bar.readers) {
      Object.assign(bar, { line, readers });
      bar.draw();
      newPosts.announce();
      if (line === "live") others?.follow();
      if (line !== "gone") return;
      for (const part of [posts, pinned, moments.lastElementChild]) part?.replaceChildren();
      pinned.hidden = more.hidden = moments.hidden = true;
      newPosts.take();
      newPosts.count();
    },
  };
}
