/**
 * The list of a feed's posts, in the order of the feed, with what an editor may do.
 *
 * Rules:
 * - A row is redrawn only if its post changed, so that an update of one post takes
 *   neither focus nor selection from another.
 * - While the pointer is over the list or the focus is in it no row moves: a click must
 *   meet the post that it was aimed at. What arrives meanwhile waits, counted, behind a
 *   button; only posts that this editor changed, or that are gone, are redrawn in place.
 * - An act is on the post as the row shows it.
 * - All rows have one height; those far from view are empty until they come near, and of
 *   a long list only the beginning is in the page, until the end of that comes near.
 * @module
 */

import { ordered } from "../stop-press/fold.js";
import { fillRow, fillWithdrawnRow } from "./post_row.js";
import { RowSelection } from "./row_selection.js";

/**
 * @typedef {import("../stop-press/fold.js").Post} Post
 * @typedef {import("../stop-press/fold.js").State} State
 * @typedef {{element: HTMLElement, post: Post, isGone: boolean, isFilled: boolean}} Row
 * @typedef {{news: (text: string) => void, shown: (count: number) => void}} ListEvents
 *   `news`: what waits, "" if nothing; `shown`: how many rows there are now.
 */

/** Rows that are filled at once; the rest when they come near. */
const FIRST_ROWS = 40;
/** Rows in the page, and how many more each time their end comes near. */
const STEP_ROWS = 200;
const NEAR = "800px";

export class DeskPostList {
  /**
   * @param {HTMLElement} list an <ol>, in its scrolling parent
   * @param {import("./post_row.js").RowActions} actions
   * @param {ListEvents} events
   */
  constructor(list, actions, events) {
    this.#list = list;
    this.#actions = actions;
    this.#events = events;
    const scroller = /** @type {HTMLElement} */ (list.parentElement);
    const near = { root: scroller, rootMargin: NEAR };
    this.#observer = new IntersectionObserver((seen) => this.#onSeen(seen), near);
    const end = /** @type {Element} */ (list.nextElementSibling);
    new IntersectionObserver(([{ isIntersecting }]) => {
      this.#isEndNear = isIntersecting;
      this.#grow();
    }, near).observe(end);
    scroller.addEventListener("pointerenter", () => {
      this.#isPointed = true;
    });
    for (const end of ["pointerleave", "pointercancel"]) {
      scroller.addEventListener(end, () => {
        this.#isPointed = false;
        this.#releaseIfFree();
      });
    }
    list.addEventListener("focusout", () => setTimeout(() => this.#releaseIfFree()));
  }

  #list;
  #actions;
  #events;
  #observer;
  /** @type {RowSelection} */ selection = new RowSelection(this);
  #zone = "UTC";
  /** @type {State | null} */ #state = null;
  /** @type {((post: Post) => boolean) | null} */ #isAsked = null;
  /** @type {Map<string, Row>} All that were drawn, by post. */ #rows = new Map();
  /** @type {Post[]} What is shown, in order. */ #shown = [];
  /** @type {Set<string>} Posts that this editor changed. */ #own = new Set();
  /** How many match, in the page or not. */ total = 0;
  #limit = STEP_ROWS;
  #isEndNear = false;
  #isPointed = false;
  #isWaiting = false;

  /** The posts that are shown, in order. */
  get posts() {
    return this.#shown;
  }


  /** @param {State | null} state */
  show(state) {
    const isOther = !state || !this.#state || state.feed.slug !== this.#state.feed.slug;
    this.#state = state;
    if (isOther) {
      this.#rows.clear();
      this.selection.clear();
      this.#isWaiting = false;
      this.#limit = STEP_ROWS;
    }
    if (!isOther && this.#isHeld() && this.#shown.length) this.#wait();
    else this.#draw();
  }

  /**
   * Show only what matches; null: every post.
   * @param {((post: Post) => boolean) | null} isAsked
   */
  filter(isAsked) {
    this.#isAsked = isAsked;
    this.#limit = STEP_ROWS;
    this.#draw();
  }

  /** Show what waits. */
  release() {
    if (this.#isWaiting) this.#draw();
  }

  /**
   * This editor changed a post: its row follows at once.
   * @param {string} id
   */
  own(id) {
    this.#own.add(id);
    const row = this.#rows.get(id);
    // It may be gone since the message came: drawn again, it can be put back.
    if (row) row.isGone = false;
    if (this.#isWaiting) this.#wait();
  }

  /**
   * @param {string} id
   * @returns {HTMLElement | undefined}
   */
  rowOf(id) {
    return this.#rows.get(id)?.element;
  }

  /** The end of what is in the page is near: show more. */
  #grow() {
    if (!this.#isEndNear || this.total <= this.#limit) return;
    this.#limit += STEP_ROWS;
    if (this.#isHeld()) this.#wait();
    else this.#draw();
  }

  #isHeld() {
    return this.#isPointed || this.#list.contains(document.activeElement);
  }

  #releaseIfFree() {
    if (!this.#isHeld()) this.release();
  }

  /** The posts to show, in order. */
  #wanted() {
    const state = this.#state;
    const posts = state ? ordered(state) : [];
    const pinned = state?.pinned;
    if (pinned && !posts.some(({ id }) => id === pinned.id)) posts.unshift(pinned);
    const asked = this.#isAsked ? posts.filter(this.#isAsked) : posts;
    this.total = asked.length;
    return asked.slice(0, this.#limit);
  }

  /** Nothing may move: redraw what is ours or gone, count the rest. */
  #wait() {
    const all = this.#wanted();
    const wanted = new Map(all.map((post) => [post.id, post]));
    let [added, changed] = [wanted.size, 0];
    for (const { id } of this.#shown) {
      const row = /** @type {Row} */ (this.#rows.get(id));
      const post = wanted.get(id);
      if (post) added -= 1;
      if (!post && !this.#isKept(id)) this.#fill(row, row.post, true);
      else if (post && (post.rev !== row.post.rev || row.isGone)) {
        if (this.#own.has(id)) this.#fill(row, post);
        else changed += 1;
      }
    }
    added -= this.#append(all);
    if (!added && !changed && !this.#list.querySelector(".gone")) return;
    this.#isWaiting = true;
    this.#list.toggleAttribute("data-waiting", true);
    const parts = [added && `${added} new`, changed && `${changed} changed`].filter(Boolean);
    this.#events.news(parts.join(", "));
  }

  /**
   * Add what sorts below the last row, which moves none; how many.
   * @param {Post[]} wanted
   */
  #append(wanted) {
    const places = new Map(wanted.map(({ id }, place) => [id, place]));
    const last = Math.max(-1, ...this.#shown.map(({ id }) => places.get(id) ?? -1));
    const below = last < 0 ? [] : wanted.slice(last + 1);
    for (const post of below) {
      const { element } = this.#rowFor(post);
      this.#list.append(element);
      this.#observer.observe(element);
    }
    this.#shown = this.#shown.concat(below);
    this.#events.shown(this.total);
    return below.length;
  }

  /** @param {Post} post */
  #rowFor(post) {
    let row = this.#rows.get(post.id);
    if (!row) {
      row = { element: document.createElement("li"), post, isGone: false, isFilled: false };
      row.element.dataset.id = post.id;
      row.element.tabIndex = -1;
      this.#rows.set(post.id, row);
    }
    return row;
  }

  /** @param {string} id whether the feed still has it, shown or not */
  #isKept(id) {
    return this.#state?.posts.has(id) || this.#state?.pinned?.id === id;
  }

  #draw() {
    const zone = this.#state?.feed.timezone ?? "UTC";
    const isZoneChanged = zone !== this.#zone;
    this.#zone = zone;
    this.#isWaiting = false;
    this.#list.toggleAttribute("data-waiting", false);
    const wanted = this.#wanted();
    const kept = new Set(wanted.map(({ id }) => id));
    for (const { id } of this.#shown) {
      if (kept.has(id)) continue;
      const row = this.#rows.get(id);
      row?.element.remove();
      if (!this.#isKept(id)) this.#forget(id);
    }
    if (!this.#rows.size) this.#list.replaceChildren();
    let before = this.#list.firstElementChild;
    wanted.forEach((post, place) => {
      const row = this.#rowFor(post);
      const isChanged = isZoneChanged || row.isGone || row.post.rev !== post.rev;
      row.post = post;
      if (row.isFilled ? isChanged : place < FIRST_ROWS) this.#fill(row, post);
      if (row.element === before) before = before.nextElementSibling;
      else this.#list.insertBefore(row.element, before);
      if (!row.isFilled) this.#observer.observe(row.element);
    });
    this.#shown = wanted;
    this.#own.clear();
    this.#events.news("");
    this.#events.shown(this.total);
    requestAnimationFrame(() => this.#grow());
  }

  /** @param {string} id */
  #forget(id) {
    const row = this.#rows.get(id);
    if (row) this.#observer.unobserve(row.element);
    this.#rows.delete(id);
    this.selection.forget(id);
  }

  /** @param {IntersectionObserverEntry[]} seen */
  #onSeen(seen) {
    for (const { target, isIntersecting } of seen) {
      if (!isIntersecting) continue;
      const row = this.#rows.get(/** @type {HTMLElement} */ (target).dataset.id ?? "");
      if (row?.element === target && !row.isFilled) this.#fill(row, row.post);
    }
  }

  /**
   * @param {Row} row
   * @param {Post} post
   * @param {boolean} [isGone]
   */
  #fill(row, post, isGone = false) {
    if (isGone && row.isGone) return;
    const { element } = row;
    const place = [...element.querySelectorAll("input, button")].indexOf(
      /** @type {Element} */ (document.activeElement),
    );
    this.#observer.unobserve(element);
    element.replaceChildren();
    element.classList.toggle("gone", isGone);
    Object.assign(row, { post, isGone, isFilled: true });
    const context = { zone: this.#zone, isPicked: this.selection.has(post.id), actions: this.#actions };
    const putBack = () => this.#actions.putBack(post);
    if (isGone) fillWithdrawnRow(element, this.#own.has(post.id) ? putBack : null);
    else fillRow(element, post, context);
    if (place < 0) return;
    const controls = /** @type {HTMLElement[]} */ ([...element.querySelectorAll("input, button")]);
    (controls[place] ?? element).focus();
  }
}
