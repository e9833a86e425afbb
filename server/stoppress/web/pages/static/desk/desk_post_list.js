/**
 * The desk's list of the feed's posts, newest first, each with its actions.
 *
 * A row is drawn again only when its post changed, so that an arriving post takes
 * neither focus nor selection from another.
 * @module
 */

import { ordered } from "../stop-press/fold.js";
import { localTime } from "../stop-press/localization.js";

/**
 * @typedef {import("../stop-press/fold.js").Post} Post
 * @typedef {{edit: (post: Post) => void, withdraw: (post: Post) => void}} PostActions
 */

const EXCERPT_LENGTH = 160;

export class DeskPostList {
  /**
   * @param {HTMLElement} list an <ol>
   * @param {PostActions} actions
   */
  constructor(list, actions) {
    this.#list = list;
    this.#actions = actions;
  }

  #list;
  #actions;
  #zone = "UTC";
  /** @type {Map<string, {rev: unknown, row: HTMLElement}>} */
  #rows = new Map();

  /** @param {import("../stop-press/fold.js").State | null} state */
  show(state) {
    const posts = state ? ordered(state) : [];
    const pinned = state?.pinned;
    if (pinned && !posts.some(({ id }) => id === pinned.id)) posts.unshift(pinned);
    const oldRows = this.#rows;
    this.#rows = new Map();
    const zone = state?.feed.timezone ?? "UTC";
    const isZoneChanged = zone !== this.#zone;
    this.#zone = zone;
    let before = this.#list.firstElementChild;
    for (const post of posts) {
      const old = oldRows.get(post.id);
      oldRows.delete(post.id);
      const row = !isZoneChanged && old?.rev === post.rev ? old?.row : this.#draw(post);
      if (!row) continue;
      this.#rows.set(post.id, { rev: post.rev, row });
      if (old && old.row !== row) {
        if (before === old.row) before = row;
        old.row.replaceWith(row);
      }
      if (row === before) before = before.nextElementSibling;
      else this.#list.insertBefore(row, before);
    }
    for (const { row } of oldRows.values()) row.remove();
  }

  /** @param {Post} post */
  #draw(post) {
    const row = document.createElement("li");
    row.dataset.id = post.id;
    const title = appendElement(row, "a", "title", postTitle(post));
    title.setAttribute("href", post.url);
    title.id = `title-${post.id}`;
    title.dir = "auto";
    const about = appendElement(row, "p", "about");
    const when = localTime(post.published_at, this.#zone);
    const isToday = when.day === localTime(new Date().toISOString(), this.#zone).day;
    const time = appendElement(about, "time", "", isToday ? when.clock : `${when.day} ${when.clock}`);
    time.setAttribute("datetime", post.published_at);
    time.title = `${when.day} ${when.clock} ${when.offset}`;
    for (const weight of ["breaking", "key", "pinned"]) {
      if (post[weight]) appendElement(about, "span", `mark ${weight}`, weight);
    }
    if (post.rev && post.rev > 1) appendElement(about, "span", "", `revision ${post.rev}`);
    const actions = appendElement(row, "p", "acts");
    for (const [name, act] of Object.entries(this.#actions)) {
      const label = name[0].toUpperCase() + name.slice(1);
      const button = appendElement(actions, "button", "", label);
      button.setAttribute("type", "button");
      button.setAttribute("aria-describedby", title.id);
      button.addEventListener("click", () => act(post));
    }
    return row;
  }
}

/**
 * @param {Element} parent
 * @param {string} tag
 * @param {string} className
 * @param {string} [text]
 * @returns {HTMLElement}
 */
export function appendElement(parent, tag, className, text = "") {
  const child = document.createElement(tag);
  if (className) child.className = className;
  child.textContent = text;
  parent.append(child);
  return child;
}

/**
 * The headline, else the start of the text.
 * @param {Post} post
 * @returns {string}
 */
export function postTitle(post) {
  if (post.headline) return post.headline;
  const page = new DOMParser().parseFromString(post.html ?? "", "text/html");
  const text = (page.body.textContent ?? "").replace(/\s+/g, " ").trim();
  if (text.length > EXCERPT_LENGTH) return `${text.slice(0, EXCERPT_LENGTH).trimEnd()}…`;
  return text || post.media?.[0]?.type || "(empty)";
}
