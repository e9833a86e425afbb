/**
 * Everything of a feed that can be set, each member listed here and nowhere else.
 *
 * A member's place is in `templates/desk_feed_dialogs.html` (the summary's in
 * `desk_queue.html`), under the same name.
 * @module
 */

import { clockOf, instantOf } from "./feed_time.js";
import { isEqualJson } from "./draft_patch_and_three_way_merge.js";

/**
 * @typedef {{box: (name: string) => HTMLInputElement, zone: string}} Form `zone`: of the
 *   times in it
 * @typedef {{label: string, empty: any, read: (form: Form, name: string) => any,
 *   fill: (form: Form, name: string, value: any) => void}} FeedField `empty`: where the
 *   API leaves it out
 */

/**
 * @param {string} label
 * @param {any} [empty]
 * @returns {FeedField}
 */
const text = (label, empty = "") => ({
  label,
  empty,
  read: (form, name) => form.box(name).value.trim() || empty,
  fill: (form, name, value) => {
    form.box(name).value = value ?? "";
  },
});

/**
 * @param {string} label
 * @returns {FeedField}
 */
const mark = (label) => ({
  label,
  empty: false,
  read: (form, name) => form.box(name).checked,
  fill: (form, name, value) => {
    form.box(name).checked = value;
  },
});

/**
 * A time of the feed's zone, to the minute. One that was not changed keeps its seconds.
 * @param {string} label
 * @returns {FeedField}
 */
const time = (label) => ({
  label,
  empty: null,
  read(form, name) {
    const box = form.box(name);
    const given = box.dataset.given ?? "";
    if (!box.value) return null;
    return given && clockOf(given, form.zone) === box.value ? given : instantOf(box.value, form.zone);
  },
  fill(form, name, value) {
    const box = form.box(name);
    box.dataset.given = value ?? "";
    box.value = value ? clockOf(value, form.zone) : "";
  },
});

/** @type {FeedField} */
const links = {
  label: "Links",
  empty: [],
  read: (form, name) =>
    linesOf(form.box(name).value).map((line) => {
      const [, title, url] = line.match(/^(.*?)\s*((?:https?:\/)?\/\S+)$/) ?? [null, line, ""];
      return { title: title || url, url };
    }),
  fill: (form, name, value) => {
    form.box(name).value = value.map((/** @type {any} */ { title, url }) => `${title} ${url}`).join("\n");
  },
};

/** @type {FeedField} */
const share = {
  label: "Share",
  empty: [],
  read: (form, name) => form.box(name).value.split(",").map((part) => part.trim()).filter(Boolean),
  fill: (form, name, value) => {
    form.box(name).value = value.join(", ");
  },
};

/** @type {FeedField} */
const image = {
  label: "Picture",
  empty: null,
  read(form, name) {
    const url = form.box(name).value.trim();
    if (!url) return null;
    const [alt, width, height] = ["alt", "width", "height"].map((part) => form.box(`${name}-${part}`).value.trim());
    return { url, ...(alt && { alt }), ...(width && { width: Number(width) }), ...(height && { height: Number(height) }) };
  },
  fill(form, name, value) {
    form.box(name).value = value?.url ?? "";
    for (const part of ["alt", "width", "height"]) form.box(`${name}-${part}`).value = String(value?.[part] ?? "");
  },
};

/** @param {string} value */
const linesOf = (value) => value.split("\n").map((line) => line.trim()).filter(Boolean);

/** @type {{[name: string]: FeedField}} */
export const FEED_FIELDS = {
  title: text("Title"),
  standfirst: text("Standfirst"),
  summary: text("What we know", null),
  status: text("Status"),
  coverage_start: time("Begins"),
  coverage_end: time("Ends"),
  language: text("Language"),
  direction: text("Direction"),
  timezone: text("Time zone"),
  visibility: text("Visibility"),
  links,
  share,
  image,
  show_readers: mark("Show readers"),
  show_verification: mark("Show how sure it is"),
  breaking_needs_two: mark("Breaking needs two"),
};

/**
 * A member of a feed as its field reads it.
 * @param {any} feed
 * @param {string} name
 */
export const memberOf = (feed, name) => withoutNulls(feed[name]) ?? FEED_FIELDS[name].empty;

/**
 * @param {any} value
 * @returns {any}
 */
function withoutNulls(value) {
  if (value === null || typeof value !== "object" || Array.isArray(value)) return value;
  return Object.fromEntries(Object.entries(value).filter(([, member]) => member !== null));
}

/**
 * The merge patch of a member: of an object, members that go must be null.
 * @param {any} before
 * @param {any} after
 */
export function patchOf(before, after) {
  const isObject = (/** @type {any} */ value) => value && typeof value === "object" && !Array.isArray(value);
  if (!isObject(before) || !isObject(after)) return after;
  return { ...Object.fromEntries(Object.keys(before).map((name) => [name, null])), ...after };
}

/**
 * The names of the members that differ.
 * @param {any} one
 * @param {any} other
 * @param {string[]} names
 */
export const differing = (one, other, names) =>
  names.filter((name) => !isEqualJson(memberOf(one, name), memberOf(other, name)));
