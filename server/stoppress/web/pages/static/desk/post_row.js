/**
 * One row of the list of posts: picture, title, time, author, marks and what can be done.
 *
 * Rules: every row has the same height (`desk_list.css`); a row is a picture of one
 * version of its post, and acts are on that version.
 * @module
 */

import { localTime } from "../stop-press/localization.js";
import { serverNow } from "../stop-press/server_time.js";
import { appendButton, appendElement } from "./append_element.js";
import { SURENESS } from "./post_field_table.js";
import { postTitle } from "./post_title_and_search_text.js";
import { ROOT } from "./repeat_request_until_outcome.js";

/**
 * @typedef {import("../stop-press/fold.js").Post} Post
 * @typedef {{edit: (post: Post) => void, withdraw: (post: Post) => void,
 *   more: (post: Post, button: HTMLElement) => void, pick: (id: string, isPicked: boolean,
 *   isRange: boolean) => void, putBack: (post: Post) => void}} RowActions
 * @typedef {{zone: string, isPicked: boolean, actions: RowActions}} RowContext
 */

/**
 * @param {HTMLElement} row an empty <li>
 * @param {Post} post
 * @param {RowContext} context
 */
export function fillRow(row, post, { zone, isPicked, actions }) {
  const title = document.createElement("a");
  title.className = "title";
  title.textContent = postTitle(post);
  title.href = /** @type {string} */ (post.url);
  // Not in place of the desk, which may hold a text.
  title.target = "_blank";
  title.tabIndex = -1;
  title.id = `title-${post.id}`;
  title.dir = "auto";
  title.title = title.textContent;

  const pick = /** @type {HTMLInputElement} */ (appendElement(row, "input", "pick"));
  pick.type = "checkbox";
  pick.checked = isPicked;
  pick.setAttribute("aria-label", "Select");
  pick.setAttribute("aria-describedby", title.id);
  pick.addEventListener("click", ({ shiftKey }) => actions.pick(post.id, pick.checked, shiftKey));

  const words = appendElement(row, "div", "words");
  words.append(title);
  const about = appendElement(words, "p", "about");
  const when = localTime(post.published_at, zone);
  const isToday = when.day === localTime(new Date(serverNow()).toISOString(), zone).day;
  const time = appendElement(about, "time", "", isToday ? when.clock : `${when.day} ${when.clock}`);
  time.setAttribute("datetime", post.published_at);
  time.title = `${when.day} ${when.clock} ${when.offset}`;
  for (const weight of ["breaking", "key", "pinned"]) {
    if (post[weight]) appendElement(about, "span", `mark ${weight}`, weight);
  }
  const sure = SURENESS[/** @type {keyof typeof SURENESS} */ (post.verification)];
  if (sure) appendElement(about, "span", `mark ${post.verification}`, sure);
  if (post.correction) appendElement(about, "span", "mark", "corrected");
  const names = (post.authors ?? []).map((/** @type {any} */ { name }) => name).join(", ");
  if (names) appendElement(about, "span", "author", names).dir = "auto";
  if (post.rev && post.rev > 1) {
    appendElement(about, "span", "rev", `r${post.rev}`).title = `revision ${post.rev}`;
  }

  const picture = pictureOf(post);
  if (picture) {
    const image = /** @type {HTMLImageElement} */ (appendElement(row, "img", "thumb"));
    image.src = picture;
    image.alt = "";
    image.loading = "lazy";
    image.referrerPolicy = "no-referrer";
  }

  const acts = appendElement(row, "p", "acts");
  appendButton(acts, "Edit", () => actions.edit(post));
  appendButton(acts, "Withdraw", () => actions.withdraw(post));
  const more = appendButton(acts, "⋯", () => actions.more(post, more));
  more.setAttribute("aria-label", "More");
  more.setAttribute("aria-haspopup", "menu");
  for (const button of acts.children) button.setAttribute("aria-describedby", title.id);
}

/**
 * Leave of a row its place alone until the list may move: its post is gone, and its text
 * must be gone as well.
 * @param {HTMLElement} row
 * @param {(() => void) | null} putBack if this editor withdrew it
 */
export function fillWithdrawnRow(row, putBack) {
  appendElement(row, "p", "about", "Withdrawn");
  if (putBack) appendButton(appendElement(row, "p", "acts"), "Put back", putBack);
}

/**
 * The smallest version of the first picture; null without one.
 * @param {Post} post
 * @returns {string | null}
 */
function pictureOf({ media }) {
  const image = media?.find(({ type, url }) => type === "image" && url);
  if (!image?.url) return null;
  const sizes = [...(image.variants ?? [])].sort((one, other) => one.width - other.width);
  const url = sizes.find(({ width }) => width >= 80)?.url ?? image.url;
  return url.startsWith("/") && !url.startsWith(`${ROOT}/`) ? ROOT + url : url;
}
