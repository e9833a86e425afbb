/**
 * Times beside posts: how long ago a post was published, its time on the reader's clock,
 * and the countdown to the start of coverage.
 * @module
 */

import { fullText, localTime } from "./localization.js";

const RECENT_MS = 3_600_000;

/**
 * Keeps the times of articles current while they are in view, or nearly so.
 * @param {import("./localization.js").Words} words
 */
export function createPostTimes(words) {
  const format = new Intl.RelativeTimeFormat(words.language, { numeric: "auto", style: "short" });
  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
  const inView = new Set();

  /**
   * "5 min. ago" for the last hour, "now" for the last minute; the reader's own time in
   * the tooltip, if it differs.
   * @param {any} article
   */
  const draw = (article) => {
    const { at } = article.dataset;
    const ms = Date.now() - Date.parse(at);
    const when = article.querySelector(".sp-when");
    const minutes = Math.max(0, Math.floor(ms / 60_000));
    const { lastChild } = when;
    // Only 0 seconds reads "now"; 0 minutes reads "this minute".
    const text = ms < RECENT_MS ? format.format(-minutes, minutes ? "minute" : "second") : "";
    if (lastChild.textContent !== text) lastChild.textContent = text;
    const readerTime = localTime(at, zone);
    const time = when.querySelector("time");
    if (!time.title.includes(readerTime.offset)) time.title += ` · ${fullText(words, readerTime)}`;
  };
  const tick = () => inView.forEach(draw);
  const watch = new IntersectionObserver(
    (entries) => {
      for (const { target, isIntersecting } of entries) inView[isIntersecting ? "add" : "delete"](target);
      tick();
    },
    { rootMargin: "50%" },
  );
  return {
    tick,
    watch,
    /** @param {Element} article Drawn now, and whenever it is in view. */
    follow(article) {
      draw(article);
      watch.observe(article);
    },
  };
}

/**
 * Show how long it is until coverage starts: "in 3 days", "in 5 hours", "in 20 minutes".
 * @param {any} element Present only if the feed has a start ahead.
 * @param {import("./localization.js").Words} words
 */
export function drawCountdown(element, words) {
  if (!element) return;
  const minutes = Math.ceil((Date.parse(element.dataset.at) - Date.now()) / 60_000);
  const format = new Intl.RelativeTimeFormat(words.language);
  const hours = Math.ceil(minutes / 60);
  let text = "";
  if (hours > 48) text = format.format(Math.ceil(hours / 24), "day");
  else if (hours > 2) text = format.format(hours, "hour");
  else if (minutes > 0) text = format.format(minutes, "minute");
  element.textContent = text;
}
