/**
 * The fields of a post that an editor fills in, each listed here and nowhere else.
 *
 * Drafts, merging, the form, what both sides changed and the preview are made from this
 * table. A field's place in the form is in `templates/desk.html`, under the same name.
 * @module
 */

import { clockOf, instantOf } from "./feed_time.js";

/**
 * @typedef {{[member: string]: any}} Medium
 * @typedef {{box: (name: string) => HTMLInputElement, media: Medium[], zone?: string}} Form
 *   `box`: the form's control of that name; `zone`: of the feed's times.
 */

/**
 * One field of a draft.
 * @template T
 * @typedef {{label: string, empty: T, read: (form: Form, name: string) => T,
 *   fill: (form: Form, name: string, value: T) => void, of?: (value: any) => T}} Field
 *   `empty` is how it is where the API leaves it out, `of` makes it of what the API shows.
 */

/** @type {(form: Form, name: string) => string} */
const textOf = (form, name) => form.box(name).value.trim();

/**
 * @param {string} label
 * @returns {Field<string | null>}
 */
const text = (label) => ({
  label,
  empty: null,
  read: (form, name) => textOf(form, name) || null,
  fill: (form, name, value) => {
    form.box(name).value = value ?? "";
  },
});

/**
 * @param {string} label
 * @returns {Field<boolean>}
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
 * Several values in one control, with `between` as they are typed.
 * @template T
 * @param {string} label
 * @param {string} between
 * @param {(part: string) => T} parse
 * @param {(value: T) => string} format
 * @returns {Field<T[]>}
 */
const several = (label, between, parse, format) => ({
  label,
  empty: [],
  read: (form, name) => {
    const parts = form.box(name).value.split(between.trim() || between);
    return parts.map((part) => part.trim()).filter(Boolean).map(parse);
  },
  fill: (form, name, value) => {
    form.box(name).value = value.map(format).join(between);
  },
});

/** @typedef {{name: string, url?: string}} Named */

/**
 * @param {string} line a name, and an address after it if there is one
 * @returns {Named}
 */
function parseAuthor(line) {
  const [, name, url] = line.match(/^(.*?)\s+((?:https?:\/)?\/\S+)$/) ?? [];
  return url ? { name, url } : { name: line };
}

/** @type {Field<Named | null>} */
const source = {
  label: "Source",
  empty: null,
  read: (form, name) => {
    const [who, url] = [textOf(form, name), textOf(form, `${name}-url`)];
    if (url) return { name: who, url };
    return who ? { name: who } : null;
  },
  fill: (form, name, value) => {
    form.box(name).value = value?.name ?? "";
    form.box(`${name}-url`).value = value?.url ?? "";
  },
};

/** @type {Field<{note: string} | null>} */
const correction = {
  label: "Correction",
  empty: null,
  read: (form, name) => {
    const note = textOf(form, name);
    return note ? { note } : null;
  },
  fill: (form, name, value) => {
    form.box(name).value = value?.note ?? "";
  },
  of: (value) => value && { note: value.note },
};

/**
 * When it happened, to the minute in the feed's zone; null: when it is published. A time
 * that was not changed keeps its seconds.
 * @type {Field<string | null>}
 */
const publishedAt = {
  label: "Time",
  empty: null,
  read(form, name) {
    const box = form.box(name);
    const given = box.getAttribute?.("data-given");
    if (!box.value) return null;
    const { zone = "UTC" } = form;
    return given && clockOf(given, zone) === box.value ? given : instantOf(box.value, zone);
  },
  fill(form, name, value) {
    const box = form.box(name);
    box.setAttribute?.("data-given", value ?? "");
    box.value = value ? clockOf(value, form.zone ?? "UTC") : "";
  },
};

/** @type {Field<string>} */
const body = {
  label: "Text",
  empty: "",
  read: (form, name) => form.box(name).value.trimEnd(),
  fill: (form, name, value) => {
    form.box(name).value = value;
  },
};

/** @type {Field<Medium[]>} */
const media = {
  label: "Pictures, quotes, links",
  empty: [],
  read: (form) => form.media,
  fill: (form, _, value) => {
    form.media = value;
  },
};

/** How sure a post is, in words of the desk. */
export const SURENESS = { single: "one source", confirmed: "confirmed", disputed: "disputed" };

export const FIELDS = {
  headline: text("Headline"),
  body,
  key: mark("Key moment"),
  breaking: mark("Breaking"),
  pinned: mark("Pinned"),
  tags: several("Tags", ", ", String, String),
  authors: several("Authors", "\n", parseAuthor, ({ name, url }) => (url ? `${name} ${url}` : name)),
  source,
  verification: text("How sure it is"),
  location: text("Place"),
  published_at: publishedAt,
  media,
  language: text("Language"),
  direction: text("Direction"),
  correction,
};

/** @typedef {keyof typeof FIELDS} Name */

/**
 * What is written of a post: every field, as the API takes it.
 * @typedef {{[name in Name]: ReturnType<(typeof FIELDS)[name]["read"]>}} Draft
 */

export const FIELD_NAMES = /** @type {Name[]} */ (Object.keys(FIELDS));

/**
 * A draft, field by field.
 * @param {(field: Field<any>, name: Name) => any} value
 * @returns {Draft}
 */
export const draftBy = (value) =>
  /** @type {Draft} */ (Object.fromEntries(FIELD_NAMES.map((name) => [name, value(FIELDS[name], name)])));

export const EMPTY_DRAFT = Object.freeze(draftBy(({ empty }) => empty));
