/**
 * Texts and times in the language of the feed.
 *
 * One table per language, `words/<language>.json`, shared with the server's pages. Times
 * follow the same rules there (`stoppress/web/pages/localization.py`), so that a page that
 * is taken over does not change by one letter.
 * @module
 */

/** @typedef {{[name: string]: any}} Words */

/**
 * A text with its `{name}`s replaced.
 * @param {string} text
 * @param {{[name: string]: string | number}} values
 * @returns {string}
 */
export const fill = (text, values) =>
  text.replace(/\{(\w+)\}/g, (_, name) => String(values[name]));

/**
 * "3 new updates", with the digits and the plural form of the language.
 * @param {Words} words
 * @param {"new" | "reading"} what
 * @param {number} n
 * @returns {string}
 */
export function countText(words, what, n) {
  const { language, [what]: forms } = words;
  const rule = new Intl.PluralRules(language).select(n);
  return fill(forms[rule] ?? forms.other, { n: n.toLocaleString(language) });
}

/** @typedef {{day: string, clock: string, offset: string}} LocalTime */

/** @type {{[zone: string]: Intl.DateTimeFormat}} To make one takes long. */
const zoneFormats = {};

/**
 * Swedish writes dates and clock times in the form that all pages use: 2026-11-22 21:19.
 * @param {string} zone
 * @returns {Intl.DateTimeFormat}
 */
function zoneFormat(zone) {
  const two = "2-digit";
  try {
    return new Intl.DateTimeFormat("sv-u-ca-gregory-hc-h23", /** @type {Intl.DateTimeFormatOptions} */ ({
      year: "numeric", month: two, day: two, hour: two, minute: two, timeZone: zone, timeZoneName: "shortOffset",
    }));
  } catch {
    // This browser does not know the zone.
    return zoneFormat("UTC");
  }
}

/**
 * The day, clock time and UTC offset of an instant in a time zone.
 * @param {string | number} at
 * @param {string} zone
 * @returns {LocalTime}
 */
export function localTime(at, zone) {
  const [day, clock, offset] = (zoneFormats[zone] ??= zoneFormat(zone)).format(new Date(at)).split(/\s/);
  return { day, clock, offset: offset.replace(/GMT(\+0$)?/, "UTC") };
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
 * @param {LocalTime} when
 * @returns {string}
 */
export const fullText = (words, { day, clock, offset }) =>
  `${dayText(words, day)}, ${clock} (${offset})`;
