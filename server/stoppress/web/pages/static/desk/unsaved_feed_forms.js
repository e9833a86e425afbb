/**
 * What is written in the forms of feeds and not saved: kept in this browser, so that it
 * outlives a reload, and a session that ends.
 *
 * Rules:
 * - It is kept per form and feed, with the feed as the form was filled from it: saving it
 *   later replaces nobody's change unseen.
 * - It is kept until it is saved or put back to what was. Signing out names it first.
 * @module
 */

import { keepList, keptList } from "./unsent_lists_in_local_storage.js";

/** @typedef {{form: string, slug: string, base: any, values: {[name: string]: any}}} Unsaved
 *  `slug`: "" for a feed that is not there yet; `base`: null for that one */

/** @param {string} person */
export const unsavedFormsName = (person) => `stop-press-feed-forms:${person}`;

/**
 * @param {string} person
 * @param {string} form
 * @param {string} slug
 * @returns {Unsaved | undefined}
 */
export const keptForm = (person, form, slug) =>
  keptList(unsavedFormsName(person)).find((each) => each.form === form && each.slug === slug);

/**
 * Keep what a form holds; without values nothing of it is kept.
 * @param {string} person
 * @param {Unsaved} unsaved
 */
export function keepForm(person, unsaved) {
  const { form, slug, values } = unsaved;
  const list = keptList(unsavedFormsName(person));
  const others = list.filter((/** @type {Unsaved} */ each) => each.form !== form || each.slug !== slug);
  const own = Object.keys(values).length ? [unsaved] : [];
  if (own.length || others.length < list.length) keepList(unsavedFormsName(person), [...own, ...others]);
}
