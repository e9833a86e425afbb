/**
 * What a reader sees of one feed, kept as the state is, without losing their place.
 *
 * Rules:
 * - A post is put in only when the top of the list is in view, the tab is looked
 *   at and the reader has not paused; else it is counted on a button.
 * - What is there is patched part by part: an unchanged part is never touched, so
 *   that what plays goes on playing.
 * - Withdrawals and edits always apply, paused or not.
 * @module
 */

import { barOf } from "./status_bar.js";
import { clicked } from "./plain_click.js";
import { keepPlace } from "./keep_place.js";
import { isBelow, ordered, place } from "./fold.js";
import { renewFrame } from "./render_feed.js";
import { placeOf } from "./state_from_page.js";
import { jump, keysOf } from "./key_moments.js";
import { listOf } from "./post_list.js";
import { newsOf } from "./new_posts.js";
import { othersOf } from "./other_feeds.js";
import { load } from "./patch_post.js";
import { h } from "./render_post.js";
import { share } from "./share_post.js";
import { tellStart, timesOf } from "./post_times.js";
import { walk } from "./keyboard.js";
import { windowOf } from "./post_selection.js";

const TICK_MS = 30_000;
const MOST_POSTS = 200;
const OTHERS_TICKS = 10;

/** @typedef {ReturnType<typeof viewOf>} View */

/**
 * @param {HTMLElement} root The `.sp` element.
 * @param {import("./render_post.js").Context} ctx
 * @param {boolean} own This is the feed's own page, whose title may be counted in.
 * @param {import("./client.js").Reader} reader
 * @param {string} from As in `client.js`.
 * @param {DOMStringMap} dataset As in `post_selection.js`.
 */
export function viewOf(root, ctx, own, reader, from, dataset) {
  const [top, posts, pinned, empty, more, says, text, pause, moments] = [
    "new", "posts", "pinned", "empty", "more", "says", "line", "pause", "keys",
  ].map((name) => /** @type {HTMLElement} */ (root.querySelector(`.sp-${name}`)));
  const { rising, home, isBefore, holds } = windowOf(from, dataset, posts.firstElementChild);
  const times = timesOf(ctx.words);
  const list = listOf(posts, ctx, times.follow);
  const pins = listOf(pinned, ctx, times.follow, true);
  const keys = keysOf(moments, ctx);
  const bar = barOf(text, pause, ctx, soon);
  const news = newsOf(top, says, ctx.words, own, () => !bar.line.endsWith("connecting"));
  const box = root.querySelector(".sp-others");
  const others = box && othersOf(box, reader, ctx);
  reader.other = others?.take;
  const watch = new IntersectionObserver((all) => {
    soon();
    for (const { target, isIntersecting } of all) if (target === box) others?.follow(isIntersecting);
  });
  /** How many posts arrivals may make it; more, if the reader loaded more. */
  let most = MOST_POSTS;
  let drawn = own;
  let due = false;
  let away = false;
  /** @type {any} */
  let ticking;
  let ticks = 0;

  top.onclick = () => (home ? location.assign(home) : reveal(true));
  more.onclick = older;
  moments.onclick = (event) => jump(event, posts);
  posts.onkeydown = (event) => walk(event, more, pause);
  root.onclick = (event) => {
    share(event, ctx, says);
    load(event);
  };

  // Drawing

  /** Draw together with what else comes in this frame. */
  function soon() {
    if (due) return;
    due = true;
    // A hidden tab draws no frames.
    (document.hidden ? setTimeout : requestAnimationFrame)(flush);
  }

  function flush() {
    if (!due) return;
    due = false;
    draw();
  }

  /**
   * @param {boolean} [all] Put in what is held, wherever the reader is.
   * @param {boolean} [fresh] Whether what is put in is news.
   */
  function draw(all = false, fresh = drawn) {
    const { state, next } = reader;
    if (!state || bar.line === "gone") return;
    const { waiting } = news;
    const inserts = !home && mayInsert();
    // Who is at the top reads nothing of what goes at the bottom.
    if (!from && inserts && reader.trim(most)) return;
    const held = ordered(state).filter(holds);
    if (drawn && !all) {
      const last = posts.lastElementChild && placeOf(posts.lastElementChild);
      const came = held.filter(
        (post) => !list.known.has(post.id) && !waiting.has(post.id) &&
          (rising || !last || isBelow(last, place(post))),
      );
      news.announce(came.length);
      for (const post of came) if (home ? isBefore(post) : !inserts) waiting.add(post.id);
    }
    drawn = true;
    for (const id of waiting) {
      const post = state.posts.get(id);
      if (!post || !holds(post)) waiting.delete(id);
    }
    if (waiting.size && inserts) return reveal(false);
    const rest = keepPlace(root, posts, inserts && !rising, (waits) => {
      const shown = held.filter((post) => !waiting.has(post.id) && !isBefore(post));
      list.show(shown, fresh, !!next, waits);
      frame(state);
    });
    if (rest) soon();
    empty.hidden = held.length > 0;
    more.hidden = !next;
    const link = /** @type {HTMLAnchorElement} */ (more.firstElementChild);
    if (next) link.href = `${ctx.base}/live/${ctx.feed.slug}?${next.split("?")[1]}`;
    news.count();
  }

  /**
   * What stands around the posts, where it changed.
   * @param {import("./fold.js").State} state
   */
  function frame({ feed, pinned: post }) {
    if (feed !== ctx.feed) {
      ctx.feed = feed;
      renewFrame(root, ctx);
      tick();
      bar.say();
    }
    // A page of other posts has neither.
    if (from) return;
    keys.draw();
    pins.show(post ? [post] : []);
    pinned.hidden = !post;
  }

  // News that waits

  function mayInsert() {
    const { top, bottom, height } = posts.getBoundingClientRect();
    const inView = rising ? bottom <= innerHeight + 1 : top >= -1;
    return !document.hidden && !bar.paused && (inView || !height);
  }

  /**
   * Put in what waits, with a line between it and what was seen.
   * @param {boolean} go Whether to take the reader to the first unread post.
   */
  function reveal(go) {
    const ids = news.take();
    posts.querySelector(".sp-since")?.remove();
    draw(true);
    const fresh = /** @type {any[]} */ ([...posts.children]).filter(({ dataset }) => ids.has(dataset.id));
    const [first] = fresh;
    const oldest = rising ? first : fresh.at(-1);
    const below = rising ? oldest : oldest?.nextElementSibling;
    if (go || away) below?.prepend(h("p", "sp-since", ctx.words.since));
    away = false;
    if (!go || !oldest) return;
    // All that is new if it fits, else the oldest of it, with the line below.
    const fits = oldest.getBoundingClientRect().bottom - first.getBoundingClientRect().top < innerHeight;
    (fits ? first : oldest).scrollIntoView({ block: fits ? "start" : "end" });
    oldest.focus({ preventScroll: true });
  }

  // The reader

  function looked() {
    if (document.hidden) {
      away = true;
      flush();
    } else {
      news.announce();
      soon();
      tick();
    }
  }

  /** @param {MouseEvent} event */
  async function older(event) {
    const link = clicked(event, "a");
    if (!link) return;
    event.preventDefault();
    const last = posts.lastElementChild;
    try {
      await reader.older();
    } catch {
      // In somebody else's page the link stays, to be tried again.
      if (own) location.assign(link.href);
      return;
    }
    most = Math.max(most, reader.state?.posts.size ?? 0);
    draw(true, false);
    /** @type {any} */ (last?.nextElementSibling)?.focus({ preventScroll: true });
  }

  function tick() {
    if (document.hidden) return;
    times.tick();
    tellStart(root.querySelector(".sp-until"), ctx.words);
    ticks += 1;
    if (ticks % OTHERS_TICKS === 0) others?.renew();
  }

  return {
    /** Begin to follow the clock and the reader. */
    start() {
      document.addEventListener("visibilitychange", looked);
      ticking = setInterval(tick, TICK_MS);
      watch.observe(rising ? more : /** @type {Element} */ (top.parentElement));
      for (const article of [...posts.children, ...pinned.children]) times.follow(article);
      if (box) watch.observe(box);
      tick();
      soon();
    },

    stop() {
      document.removeEventListener("visibilitychange", looked);
      clearInterval(ticking);
      watch.disconnect();
      times.watch.disconnect();
      news.stop();
    },

    /**
     * Show what the reader holds now: soon.
     * @param {any} [post] What became of a post.
     */
    show(post) {
      if (post) keys.note(post);
      soon();
    },

    /** What was held was replaced. */
    async renew() {
      if (from) return;
      await keys.renew(reader);
      soon();
    },

    /**
     * Say in words how the line is, and how many read.
     * @param {import("./client.js").LineState} line
     * @param {number} [readers]
     */
    say(line, readers = bar.readers) {
      Object.assign(bar, { line, readers });
      bar.say();
      news.announce();
      if (line === "live") others?.follow();
      if (line !== "gone") return;
      for (const part of [posts, pinned, moments.lastElementChild]) part?.replaceChildren();
      pinned.hidden = more.hidden = moments.hidden = true;
      news.take();
      news.count();
    },
  };
}
