/**
 * Times beside posts: how long ago a post was published, its time on the reader's clock,
 * and the countdown to the start of coverage.
 * @module
 */

import { fullText, localTime } from "./localization.js";
import { isFramed } from "./scroll_anchoring.js";
import { serverNow } from "./server_time.js";

const HOUR_MS = 3_600_000;

/**
 * Keeps the times of articles current while they are in view, or nearly so.
 * @param {import("./render_post.js").Context} ctx
 */
export function createPostTimes(ctx) {
  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
  const inView = new Set();

  /**
   * "5 min. ago" for the last hour, "now" for the last minute, "in 2 days" for a time
   * ahead. The clock's offset from UTC, where the reader's is another or where the clock
   * shows the same hour twice; the reader's own time in the tooltip.
   * @param {any} article
   */
  const draw = (article) => {
    const { words, feed } = ctx;
    const { at } = article.dataset;
    const when = article.querySelector(".sp-when");
    const readerTime = localTime(at, zone);
    const { offset, clock } = localTime(at, feed.timezone);
    const isOther = offset !== readerTime.offset;
    const isRecent = serverNow() - Date.parse(at) < HOUR_MS;
    const isRepeated = (/** @type {number} */ ms) => localTime(Date.parse(at) + ms, feed.timezone).clock === clock;
    const told = isOther || [-HOUR_MS, HOUR_MS].some(isRepeated);
    const { lastChild } = when;
    const shown = [isRecent && agoText(at, words), told && offset].filter(Boolean).join(" · ");
    if (lastChild.textContent !== shown) lastChild.textContent = shown;
    const time = when.querySelector("time");
    if (isOther && !time.title.includes(readerTime.offset)) time.title += ` · ${fullText(words, readerTime)}`;
  };
  const tick = () => inView.forEach(draw);
  const watch = new IntersectionObserver(
    (entries) => {
      for (const { target, isIntersecting } of entries) inView[isIntersecting ? "add" : "delete"](target);
      tick();
    },
    // In a frame, exactly: which articles are in view decides what stays (`scroll_anchoring.js`).
    { rootMargin: isFramed ? "0px" : "50%" },
  );
  return {
    tick,
    watch,
    inView,
    /** @param {Element} article Drawn now, and whenever it is in view. */
    follow(article) {
      draw(article);
      // Until the observer says otherwise, which takes a frame or more.
      inView.add(article);
      watch.unobserve(article);
      watch.observe(article);
    },
  };
}

/** @type {{[key: string]: Intl.RelativeTimeFormat}} By language and style: to make one takes long. */
const agoFormats = {};

/**
 * @param {string} at
 * @param {import("./localization.js").Words} words
 * @param {Intl.RelativeTimeFormatStyle} [style]
 */
export function agoText(at, { language }, style = "short") {
  const ms = serverNow() - Date.parse(at);
  const format = (agoFormats[language + style] ??= new Intl.RelativeTimeFormat(language, { numeric: "auto", style }));
  const minutes = Math.floor(ms / 60_000);
  const long = Math.abs(minutes);
  if (long >= 2880) return format.format(Math.round(-minutes / 1440), "day");
  if (long >= 120) return format.format(Math.round(-minutes / 60), "hour");
  // Only 0 seconds reads "now"; 0 minutes reads "this minute". A clock may be a minute off.
  return minutes && minutes !== -1 ? format.format(-minutes, "minute") : format.format(0, "second");
}

/**
 * Show how long it is until coverage starts: "in 3 days", "in 5 hours", "in 20 minutes".
 * @param {any} element Present only if the feed has a start ahead.
 * @param {import("./localization.js").Words} words
 */
export function drawCountdown(element, words) {
  if (!element) return;
  const { at } = element.dataset;
  element.textContent = Date.parse(at) > serverNow() ? agoText(at, words, "long") : "";
}
