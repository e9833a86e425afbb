/**
 * What happened while the editor was away, for the editor who takes over a shift.
 *
 * Rules: the place where this person left a feed is kept in this browser, and moves on
 * while the desk is in view; a shorter absence than ten minutes is none; the events come
 * from the public log. If it no longer holds them all, the list says from when to read.
 * @module
 */

import { formatCursor } from "../stop-press/cursor.js";
import { localTime } from "../stop-press/localization.js";
import { appendButton, appendElement } from "./append_element.js";
import { byId } from "./status_messages_and_questions.js";
import { postTitle } from "./post_title_and_search_text.js";
import { sendOnce } from "./repeat_request_until_outcome.js";

/**
 * @typedef {import("../stop-press/fold.js").Post} Post
 * @typedef {{type: string, cursor: string, post?: any, value?: any}} Event
 * @typedef {{published: Post[], updated: Post[], withdrawn: number, feed: boolean}} Digest
 */

const AWAY_MS = 600_000;
const SEEN_EVERY_MS = 30_000;
const MOST_PAGES = 10;
const LISTED = 30;

export class SinceYouLeft {
  /**
   * @param {string} person
   * @param {() => {slug: string, reader: import("../stop-press/client.js").Reader | null}} open
   */
  constructor(person, open) {
    this.#key = `stop-press-seen:${person}`;
    this.#open = open;
    setInterval(() => this.#see(), SEEN_EVERY_MS);
    document.addEventListener("visibilitychange", () => this.#see(true));
    byId("since-done").addEventListener("click", () => {
      byId("since").hidden = true;
    });
  }

  #key;
  #open;

  /** @returns {{[feed: string]: {cursor: string, at: number}}} */
  #kept() {
    try {
      return JSON.parse(localStorage.getItem(this.#key) ?? "{}");
    } catch {
      return {};
    }
  }

  /** @param {boolean} [isLeaving] */
  #see(isLeaving = false) {
    const { slug, reader } = this.#open();
    if (!slug || !reader?.state || (document.visibilityState !== "visible" && !isLeaving)) return;
    try {
      const seen = { cursor: formatCursor(reader.state.cursor), at: Date.now() };
      localStorage.setItem(this.#key, JSON.stringify({ ...this.#kept(), [slug]: seen }));
    } catch {
      // Without storage nobody is told what happened meanwhile.
    }
  }

  /**
   * The feed was opened: say what happened since it was last in view.
   * @param {string} feed
   */
  async tell(feed) {
    byId("since").hidden = true;
    const last = this.#kept()[feed];
    if (!last || Date.now() - last.at < AWAY_MS) return;
    /** @type {Event[]} */ const events = [];
    let { cursor } = last;
    let isWhole = true;
    for (let page = 0; page < MOST_PAGES; page++) {
      const { status, body } = await sendOnce({ method: "GET", path: `/v1/feeds/${feed}/events?since=${cursor}&wait=0` });
      if (status !== 200 || body.reset) isWhole = false;
      if (status !== 200 || !body.events?.length) break;
      events.push(...body.events);
      cursor = body.cursor;
    }
    const { slug, reader } = this.#open();
    if (slug === feed && (events.length || !isWhole)) this.#show(digest(events), last.at, isWhole, reader?.state?.feed.timezone ?? "UTC");
  }

  /**
   * @param {Digest} digest
   * @param {number} at
   * @param {boolean} isWhole
   * @param {string} zone
   */
  #show({ published, updated, withdrawn, feed }, at, isWhole, zone) {
    const { day, clock } = localTime(new Date(at).toISOString(), zone);
    const counts = [
      published.length && `${published.length} new`,
      updated.length && `${updated.length} changed`,
      withdrawn && `${withdrawn} withdrawn`,
      feed && "the feed's settings changed",
    ].filter(Boolean);
    const all = isWhole ? "" : " More happened than the log holds: read the list from there.";
    byId("since-text").textContent = `Since ${day} ${clock}: ${counts.join(", ") || "much"}.${all}`;
    const list = byId("since-list");
    list.replaceChildren();
    for (const [posts, mark] of /** @type {[Post[], string][]} */ ([[published, ""], [updated, "changed"]])) {
      for (const post of posts.slice(0, LISTED)) {
        const row = appendElement(list, "li", "");
        const time = localTime(post.published_at, zone).clock;
        appendElement(row, "time", "", time);
        const link = appendElement(row, "a", "title", postTitle(post));
        link.setAttribute("href", /** @type {string} */ (post.url));
        link.setAttribute("target", "_blank");
        link.dir = "auto";
        if (mark) appendElement(row, "span", "hint", mark);
      }
    }
    byId("since").hidden = false;
  }
}

/**
 * What became of each post, by the last event of it.
 * @param {Event[]} events in the order of the log
 * @returns {Digest}
 */
export function digest(events) {
  /** @type {Map<string, {isNew: boolean, post: any, isGone: boolean}>} */ const posts = new Map();
  let feed = false;
  for (const { type, post, value } of events) {
    if (value) feed = true;
    if (!post) continue;
    const before = posts.get(post.id);
    const isNew = before ? before.isNew : type === "post.published";
    posts.delete(post.id);
    posts.set(post.id, { isNew, post, isGone: type === "post.withdrawn" });
  }
  const all = [...posts.values()].reverse();
  const of = (/** @type {boolean} */ isNew) => all.filter((each) => !each.isGone && each.isNew === isNew).map(({ post }) => post);
  // What came and went meanwhile is no news.
  return { published: of(true), updated: of(false), withdrawn: all.filter(({ isGone, isNew }) => isGone && !isNew).length, feed };
}
