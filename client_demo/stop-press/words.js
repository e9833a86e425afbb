/**
 * Words and times, in the language of the feed.
 *
 * One table a language, `words/<language>.json`, shared with the server's pages.
 * Times are written with the same rules here and there (`stoppress/web/words.py`),
 * so that taking over a page changes not one letter.
 * @module
 */

/** @typedef {{[name: string]: any}} Words */

/**
 * @param {string} text
 * @param {{[name: string]: string | number}} values
 * @returns {string}
 */
export const fill = (text, values) =>
  text.replace(/\{(\w+)\}/g, (_, name) => String(values[name]));

/**
 * "3 new updates", with the numbers and the plural of the language.
 * @param {Words} words
 * @param {"new" | "reading"} what
 * @param {number} n
 * @returns {string}
 */
export function countOf(words, what, n) {
  const { language, [what]: forms } = words;
  const rule = new Intl.PluralRules(language).select(n);
  return fill(forms[rule] ?? forms.other, { n: n.toLocaleString(language) });
}

/** @typedef {{day: string, clock: string, offset: string}} Local */

/** @type {Map<string, Intl.DateTimeFormat>} */
const zones = new Map();

/** @type {WeakMap<object, WeakMap<object, string>>} Kept as long as feed and post are. */
const days = new WeakMap();

/**
 * The day of a post, where its feed is; asked for every post at every arrival.
 * @param {import("./fold.js").Post} post
 * @param {import("./fold.js").Feed} feed
 * @returns {string}
 */
export function dayOf(post, feed) {
  let known = days.get(feed);
  if (!known) days.set(feed, (known = new WeakMap()));
  let day = known.get(post);
  if (!day) known.set(post, (day = local(post.published_at, feed.timezone).day));
  return day;
}

/** @param {string} zone */
function formatter(zone) {
  let format = zones.get(zone);
  if (!format) {
    const two = "2-digit";
    const parts = /** @type {Intl.DateTimeFormatOptions} */ ({
      calendar: "gregory", hourCycle: "h23", year: "numeric", month: two,
      day: two, hour: two, minute: two, timeZone: zone, timeZoneName: "shortOffset",
    });
    try {
      format = new Intl.DateTimeFormat("en-GB", parts);
    } catch {
      // A zone this browser does not know.
      format = new Intl.DateTimeFormat("en-GB", { ...parts, timeZone: "UTC" });
    }
    zones.set(zone, format);
  }
  return format;
}

/**
 * An instant as a wall in `zone` shows it.
 * @param {string} at
 * @param {string} zone
 * @returns {Local}
 */
export function local(at, zone) {
  /** @type {{[type: string]: string}} */
  const part = {};
  for (const { type, value } of formatter(zone).formatToParts(new Date(at))) part[type] = value;
  const day = `${part.year}-${part.month}-${part.day}`;
  const clock = `${part.hour}:${part.minute}`;
  const offset = part.timeZoneName.replace(/GMT(\+0$)?/, "UTC").replace("-", "−");
  return { day, clock, offset };
}

/**
 * "Sunday 22 November 2026".
 * @param {Words} words
 * @param {string} day
 * @returns {string}
 */
export function dayText(words, day) {
  const [year, month, date] = day.split("-").map(Number);
  const weekday = words.weekdays[new Date(`${day}T12:00Z`).getUTCDay()];
  return fill(words.date, { weekday, day: date, month: words.months[month - 1], year });
}

/**
 * "Sunday 22 November 2026, 21:19 (UTC+1)".
 * @param {Words} words
 * @param {Local} when
 * @returns {string}
 */
export const fullText = (words, { day, clock, offset }) =>
  `${dayText(words, day)}, ${clock} (${offset})`;
