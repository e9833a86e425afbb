/**
 * What a reader sees of one feed, kept as the state is, without losing their place.
 *
 * Rules:
 * - A post is put in only when the top of the list is in view, the tab is looked
 *   at and the reader has not paused; else it is counted on a button.
 * - What is there is patched part by part: an unchanged part is never touched, so
 *   that what plays goes on playing.
 * - Withdrawals and edits always apply, paused or not.
 * - Only counts are announced, never contents.
 * @module
 */

import { ordered, place, isBelow } from "./fold.js";
import { renewFrame } from "./frame.js";
import { h } from "./render.js";
import { clicked } from "./click.js";
import { steady } from "./eye.js";
import { placeOf } from "./held.js";
import { jump, keep, momentsOf } from "./keys.js";
import { pin, sync } from "./list.js";
import { load } from "./patch.js";
import { renewOthers } from "./others.js";
import { isPaused, rememberPause } from "./pause.js";
import { share } from "./share.js";
import { tellStart, tellTimes } from "./times.js";
import { walk } from "./walk.js";
import { choiceOf, isRising } from "./window.js";
import { countOf } from "./words.js";

/**
 * @typedef {import("./fold.js").State} State
 * @typedef {import("./fold.js").Post} Post
 * @typedef {import("./render.js").Context} Context
 */

const TICK_MS = 30_000;
const ANNOUNCE_MS = 1500;
const MOST_POSTS = 200;
const OTHERS_TICKS = 10;

export class View {
  #root;
  #ctx;
  #own;
  #from;
  #newest;
  #rising;
  #fits;
  #reader;
  /** How many posts arrivals may make it; more, if the reader loaded more. */
  #most = MOST_POSTS;
  /** @type {any[]} What became of posts, for the key moments. */ #turned = [];
  /** @type {object | null} The question for the key moments that is under way. */ #renewing = null;
  /** @type {import("./fold.js").Place | null} */ #ceiling = null;
  /** @type {State | null} */ #state = null;
  /** @type {string | null} */ #next = null;
  /** @type {Set<string>} Posts that wait behind the button. */ #waiting = new Set();
  /** @type {import("./client.js").LineState} */ #line = "connecting";
  #readers = 0;
  #paused = isPaused();
  #drawn;
  #due = false;
  #arrived = 0;
  #away = false;
  /** @type {any} */ #announcing;
  /** @type {any} */ #ticking;
  /** @type {IntersectionObserver | null} */ #watch = null;
  /** @type {HTMLElement[]} */ #parts;
  #title = document.title;
  #ticks = 0;

  /**
   * @param {HTMLElement} root The `.sp` element.
   * @param {Context} ctx
   * @param {boolean} own This is the feed's own page, whose title may be counted in.
   * @param {import("./client.js").Reader} reader
   * @param {string} from As in `client.js`, and so is `newest`.
   * @param {{home?: string, newest?: string}} dataset `home`: this page begins further
   *   on; the first posts are there.
   */
  constructor(root, ctx, own, reader, from, { home, newest = "" }) {
    this.#root = root;
    this.#from = from;
    this.#newest = newest;
    this.#rising = isRising(from);
    this.#fits = choiceOf(from);
    this.#reader = reader;
    this.#ctx = ctx;
    this.#own = own;
    this.#drawn = own;
    this.#parts = ["new", "posts", "pinned", "empty", "more", "says", "line", "pause", "keys"].map(
      (name) => /** @type {HTMLElement} */ (root.querySelector(`.sp-${name}`)),
    );
    const [button, posts, , , more, , , pause, keys] = this.#parts;
    if (home && posts.firstElementChild) this.#ceiling = placeOf(posts.firstElementChild);
    button.onclick = () =>
      home && !this.#rising ? location.assign(home) : this.#reveal(true);
    pause.onclick = () => this.#pause();
    pause.hidden = false;
    more.onclick = (event) => this.#older(event);
    keys.onclick = (event) => jump(event, posts);
    posts.onkeydown = (event) => walk(event, more, pause);
    root.addEventListener("click", this.#share);
    root.addEventListener("click", load);
    this.#showPause();
  }

  /** Begin to follow the clock and the reader. */
  start() {
    document.addEventListener("visibilitychange", this.#looked);
    this.#ticking = setInterval(() => this.#tick(), TICK_MS);
    this.#watch = new IntersectionObserver(() => this.#soon());
    const [button, , , , , end] = this.#parts;
    this.#watch.observe(this.#rising ? end : /** @type {Element} */ (button.parentElement));
    this.#tick();
    this.#soon();
  }

  stop() {
    document.removeEventListener("visibilitychange", this.#looked);
    clearInterval(this.#ticking);
    clearTimeout(this.#announcing);
    this.#watch?.disconnect();
    this.#count(0);
  }

  /**
   * Show a state: soon, together with what else comes in this frame.
   * @param {State} state
   * @param {string | null} next
   * @param {any} [post] What became of a post.
   */
  show(state, next, post) {
    if (post) this.#turned.push(post);
    this.#state = state;
    this.#next = next;
    this.#soon();
  }

  /** Ask for the key moments, as no event tells what became of them. */
  async renew() {
    if (this.#from) return;
    const asked = (this.#renewing = {});
    this.#turned = [];
    const { state } = this.#reader;
    const posts = state ? await momentsOf(this.#reader, state) : [];
    if (asked !== this.#renewing) return;
    this.#renewing = null;
    // What came meanwhile is newer than the answer.
    this.#turned.unshift(null, ...posts);
    this.#soon();
  }

  /**
   * Say in words how the line is.
   * @param {import("./client.js").LineState} line
   */
  say(line) {
    this.#line = line;
    this.#announce(0);
    const [, posts, pinned, , more, , text, , keys] = this.#parts;
    const { words, feed } = this.#ctx;
    const closed = feed.status === "closed" && line === "live";
    const state = closed ? "ended" : this.#paused && line === "live" ? "paused" : line;
    const count = this.#readers;
    const many = count && state === "live" && ` · ${countOf(words, "reading", count)}`;
    text.textContent = words.line[state] + (many || "");
    text.dataset.line = state;
    if (line === "gone") {
      posts.replaceChildren();
      pinned.replaceChildren();
      pinned.hidden = more.hidden = true;
      keep(keys, [null], this.#ctx);
      this.#waiting.clear();
      this.#count(0);
    }
  }

  /** @param {number} count How many read. */
  readers(count) {
    this.#readers = count;
    this.say(this.#line);
  }

  // Drawing

  #soon() {
    if (this.#due) return;
    this.#due = true;
    const draw = () => this.#flush();
    // A hidden tab draws no frames.
    if (document.hidden) setTimeout(draw);
    else requestAnimationFrame(draw);
  }

  #flush() {
    if (!this.#due) return;
    this.#due = false;
    this.#draw();
  }

  /** @param {boolean} [all] Put in what waits, wherever the reader is. */
  #draw(all = false) {
    const state = this.#state;
    if (!state || this.#line === "gone") return;
    // Who is at the top reads nothing of what goes at the bottom.
    if (!this.#from && this.#mayInsert() && this.#reader.trim(this.#most)) return;
    const [, posts, , empty, more] = this.#parts;
    const known = new Map();
    for (const article of /** @type {any} */ (posts.children)) known.set(article.dataset.id, article);
    const first = !this.#drawn;
    this.#drawn = true;
    const ceiling = this.#ceiling;
    const rising = this.#rising;
    const outside = (/** @type {Post} */ post) =>
      ceiling && (rising ? isBelow(place(post), ceiling) : isBelow(ceiling, place(post)));
    const held = ordered(state).filter(
      (post) => this.#fits(post) && !(outside(post) && (rising || post.published_at <= this.#newest)),
    );
    const last = posts.lastElementChild && placeOf(posts.lastElementChild);
    const news = held.filter(
      (post) => !known.has(post.id) && !this.#waiting.has(post.id) &&
        (rising || !last || isBelow(last, place(post))),
    );
    if (!first && !all) this.#announce(news.length);
    const past = ceiling && !rising;
    const mayInsert = !past && this.#mayInsert();
    for (const post of first || all ? [] : news) {
      if (past ? outside(post) : !mayInsert) this.#waiting.add(post.id);
    }
    const ids = new Set(held.map(({ id }) => id));
    for (const id of this.#waiting) if (!ids.has(id)) this.#waiting.delete(id);
    if (this.#waiting.size && mayInsert) return this.#reveal(false);
    this.#keepPlace(mayInsert && !rising, (waits) => {
      const shown = held.filter((post) => !this.#waiting.has(post.id) && !outside(post));
      sync(posts, shown, known, this.#ctx, !!this.#next, waits);
      if (!this.#renewing && !this.#from) keep(this.#parts[8], this.#turned.splice(0), this.#ctx);
      this.#frame(state);
    });
    empty.hidden = held.length > 0;
    more.hidden = !this.#next;
    if (this.#next) {
      const href = `${this.#ctx.base}/live/${this.#ctx.feed.slug}?${this.#next.split("?")[1]}`;
      more.firstElementChild?.setAttribute("href", href);
    }
    this.#count(this.#waiting.size);
  }

  /**
   * Head, aside and pinned post, where they changed.
   * @param {State} state
   */
  #frame(state) {
    if (state.feed !== this.#ctx.feed) {
      this.#ctx.feed = state.feed;
      renewFrame(this.#root, this.#ctx);
      this.#tick();
      this.say(this.#line);
    }
    // A page of other posts has no pinned one.
    if (this.#from) return;
    pin(this.#parts[2], state.pinned, this.#ctx);
  }

  /**
   * Change what is drawn and leave what is being read where it is.
   * @param {boolean} atTop
   * @param {(waits?: (article: Element) => boolean) => void} change
   */
  #keepPlace(atTop, change) {
    const { classList } = this.#root;
    if (atTop) {
      // At the top, news is to be seen: no anchoring on what was first.
      classList.add("sp-at-top");
      change();
      requestAnimationFrame(() => requestAnimationFrame(() => classList.remove("sp-at-top")));
      return;
    }
    if (steady(this.#parts[1], change)) this.#soon();
  }

  // News that waits

  #mayInsert() {
    const { top, bottom, height } = this.#parts[1].getBoundingClientRect();
    const inView = this.#rising ? bottom <= innerHeight + 1 : top >= -1;
    return !document.hidden && !this.#paused && (inView || !height);
  }

  /**
   * Put in what waits, with a line between it and what was seen.
   * @param {boolean} go Whether to take the reader to the first unread post.
   */
  #reveal(go) {
    const [, list] = this.#parts;
    const ids = this.#waiting;
    this.#waiting = new Set();
    for (const line of list.querySelectorAll(".sp-since")) line.remove();
    this.#draw(true);
    const fresh = /** @type {HTMLElement[]} */ ([...list.children]).filter(
      (article) => ids.has(/** @type {any} */ (article).dataset.id),
    );
    const [top] = fresh;
    const oldest = this.#rising ? top : fresh[fresh.length - 1];
    const below = this.#rising ? oldest : oldest?.nextElementSibling;
    if (below && (go || this.#away)) {
      below.prepend(h("p", { class: "sp-since" }, this.#ctx.words.since));
    }
    this.#away = false;
    if (!go || !oldest) return;
    // All that is new if it fits, else the oldest of it, with the line below.
    const fits = oldest.getBoundingClientRect().bottom - top.getBoundingClientRect().top < innerHeight;
    (fits ? top : oldest).scrollIntoView({ block: fits ? "start" : "end" });
    oldest.focus({ preventScroll: true });
  }

  /** @param {number} n */
  #count(n) {
    const [button] = this.#parts;
    button.hidden = !n;
    if (n) button.textContent = countOf(this.#ctx.words, "new", n);
    if (!this.#own) return;
    const title = n ? `(${n}) ${this.#title}` : this.#title;
    if (document.title !== title) document.title = title;
  }

  /** @param {number} n */
  #announce(n) {
    this.#arrived += n;
    if (!this.#arrived || this.#announcing || document.hidden) return;
    this.#announcing = setTimeout(() => {
      this.#announcing = 0;
      // More may be on its way to who is back: all is said at once, when it is there.
      if (this.#line.endsWith("connecting")) return;
      this.#parts[5].textContent = countOf(this.#ctx.words, "new", this.#arrived);
      this.#arrived = 0;
    }, ANNOUNCE_MS);
  }

  #looked = () => {
    if (document.hidden) {
      this.#away = true;
      this.#flush();
    } else {
      this.#announce(0);
      this.#soon();
      this.#tick();
    }
  };

  // What the reader does

  #pause() {
    this.#paused = rememberPause(!this.#paused);
    this.#showPause();
    this.say(this.#line);
    this.#soon();
  }

  #showPause() {
    const pause = this.#parts[7];
    pause.textContent = this.#ctx.words[this.#paused ? "resume" : "pause"];
  }

  /** @param {MouseEvent} event */
  async #older(event) {
    const link = clicked(event, "a");
    if (!link) return;
    event.preventDefault();
    const last = this.#parts[1].lastElementChild;
    try {
      await this.#reader.older();
    } catch {
      // In somebody else's page the link stays, to be tried again.
      if (this.#own) location.assign(link.href);
      return;
    }
    this.#most = Math.max(this.#most, this.#state?.posts.size ?? 0);
    this.#draw(true);
    /** @type {any} */ (last?.nextElementSibling)?.focus({ preventScroll: true });
  }

  #share = (/** @type {Event} */ event) => share(event, this.#ctx.words, this.#parts[5]);

  #tick() {
    if (document.hidden) return;
    const { words } = this.#ctx;
    tellTimes(this.#parts[1].children, words);
    tellStart(this.#root.querySelector(".sp-until"), words);
    this.#ticks += 1;
    if (this.#ticks % OTHERS_TICKS) return;
    renewOthers(this.#root.querySelector(".sp-others"), this.#reader);
  }
}
