/**
 * Beside the time of a post: how long ago that was, and what the reader's clock said.
 * @module
 */

import { fullText, local } from "./localization.js";

const RECENT_MS = 3_600_000;

/**
 * Tells the times of articles while they are in view, or nearly so; others can wait.
 * @param {import("./localization.js").Words} words
 */
export function timesOf(words) {
  const format = new Intl.RelativeTimeFormat(words.language, { numeric: "auto", style: "short" });
  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
  const seen = new Set();

  /**
   * "5 min. ago" for the last hour, "now" for the last minute; the reader's own time on
   * the title, where that is another.
   * @param {any} article
   */
  const tell = (article) => {
    const { at } = article.dataset;
    const ms = Date.now() - Date.parse(at);
    const when = article.querySelector(".sp-when");
    const minutes = Math.max(0, Math.floor(ms / 60_000));
    const { lastChild } = when;
    // Of the two, only seconds say "now"; no minute has a name in any language.
    const ago = format.format(-minutes, minutes ? "minute" : "second");
    const text = ms < RECENT_MS ? ago : "";
    if (lastChild.textContent !== text) lastChild.textContent = text;
    const mine = local(at, zone);
    const time = when.querySelector("time");
    if (!time.title.includes(mine.offset)) time.title += ` · ${fullText(words, mine)}`;
  };
  const tick = () => seen.forEach(tell);
  const watch = new IntersectionObserver(
    (all) => {
      for (const { target, isIntersecting } of all) seen[isIntersecting ? "add" : "delete"](target);
      tick();
    },
    { rootMargin: "50%" },
  );
  return {
    tick,
    watch,
    /** @param {Element} article Whose times are told now, and whenever it is in view. */
    follow(article) {
      tell(article);
      watch.observe(article);
    },
  };
}

/**
 * How long it is until coverage starts: "in 3 days", "in 5 hours", "in 20 minutes".
 * @param {any} place Where that is to stand, if the feed has a start to come.
 * @param {import("./localization.js").Words} words
 */
export function tellStart(place, words) {
  if (!place) return;
  const minutes = Math.ceil((Date.parse(place.dataset.at) - Date.now()) / 60_000);
  const format = new Intl.RelativeTimeFormat(words.language);
  const hours = Math.ceil(minutes / 60);
  let text = "";
  if (hours > 48) text = format.format(Math.ceil(hours / 24), "day");
  else if (hours > 2) text = format.format(hours, "hour");
  else if (minutes > 0) text = format.format(minutes, "minute");
  place.textContent = text;
}
