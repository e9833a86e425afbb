/**
 * Words and times, in the language of the feed.
 *
 * One table a language, `words/<language>.json`, shared with the server's pages.
 * Times are written with the same rules here and there (`stoppress/web/pages/localization.py`),
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

/**
 * Sweden writes days and clocks as pages do in all of their languages.
 * @param {string} zone
 * @returns {Intl.DateTimeFormat}
 */
function formatter(zone) {
  const two = "2-digit";
  try {
    return new Intl.DateTimeFormat("sv", /** @type {Intl.DateTimeFormatOptions} */ ({
      calendar: "gregory", hourCycle: "h23", year: "numeric", month: two,
      day: two, hour: two, minute: two, timeZone: zone, timeZoneName: "shortOffset",
    }));
  } catch {
    // A zone this browser does not know.
    return formatter("UTC");
  }
}

/**
 * An instant as a wall in `zone` shows it.
 * @param {string} at
 * @param {string} zone
 * @returns {Local}
 */
export function local(at, zone) {
  const format = zones.get(zone) ?? formatter(zone);
  zones.set(zone, format);
  const [day, clock, offset] = format.format(new Date(at)).split(/\s/);
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
 * @param {Local} when
 * @returns {string}
 */
export const fullText = (words, { day, clock, offset }) =>
  `${dayText(words, day)}, ${clock} (${offset})`;
