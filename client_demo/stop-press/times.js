/**
 * Beside the time of a post: how long ago that was, and what the reader's clock said.
 * @module
 */

import { fullText, local } from "./words.js";

const RECENT_MS = 3_600_000;

/** @type {WeakSet<Element>} What has the reader's own time already. */
const told = new WeakSet();

/**
 * "5 min. ago" for the last hour, "now" for the last minute; the reader's own time on the title, once.
 * @param {Iterable<any>} articles
 * @param {import("./words.js").Words} words
 */
export function tellTimes(articles, words) {
  const format = new Intl.RelativeTimeFormat(words.language, {
    numeric: "auto",
    style: "short",
  });
  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
  for (const article of articles) {
    const ms = Date.now() - Date.parse(article.dataset.at);
    const when = article.getElementsByClassName("sp-when")[0];
    const minutes = Math.floor(ms / 60_000);
    // Of the two, only seconds say "now"; no minute has a name in any language.
    const ago = minutes > 0 ? format.format(-minutes, "minute") : format.format(0, "second");
    const text = ms < RECENT_MS ? ago : "";
    if (when.lastChild.textContent !== text) when.lastChild.textContent = text;
    if (told.has(when)) continue;
    told.add(when);
    const mine = local(article.dataset.at, zone);
    const time = when.querySelector("time");
    if (!time.title.includes(mine.offset)) time.title += ` · ${fullText(words, mine)}`;
  }
}

/**
 * How long it is until coverage starts: "in 3 days", "in 5 hours".
 * @param {any} place Where that is to stand, if the feed has a start to come.
 * @param {import("./words.js").Words} words
 */
export function tellStart(place, words) {
  if (!place) return;
  const minutes = Math.ceil((Date.parse(place.dataset.at) - Date.now()) / 60_000);
  const format = new Intl.RelativeTimeFormat(words.language);
  const far = minutes > 2880;
  const text = format.format(Math.ceil(minutes / (far ? 1440 : 60)), far ? "day" : "hour");
  place.textContent = minutes > 0 ? text : "";
}
