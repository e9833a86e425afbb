/**
 * The search over the list: words, and filters by state, tag, author and time.
 *
 * Rules: what is loaded answers at once; the rest of the feed is fetched while something
 * is asked for, page by page, until all of it, or all of the time asked for, was seen.
 * @module
 */

import { byId } from "./status_messages_and_questions.js";
import { instantOf } from "./feed_time.js";
import { EVERY_POST, matcher, namesOf } from "./post_matches_search.js";

/**
 * @typedef {import("../stop-press/client.js").Reader} Reader
 * @typedef {import("./post_matches_search.js").Choice} Choice
 */

/** Posts that a search loads; a longer feed is searched on by the button below. */
const MOST_LOADED = 10_000;
const PAGE = 100;

export class SearchBar {
  /**
   * @param {import("./desk_post_list.js").DeskPostList} list
   * @param {() => Reader | null} reader
   */
  constructor(list, reader) {
    this.#list = list;
    this.#reader = reader;
    const fields = byId("filters").querySelectorAll("select, input");
    this.#fields = new Map([...fields].map((field) => [field.name, field]));
    byId("search").addEventListener("input", () => this.#ask());
    byId("filters").addEventListener("input", () => this.#ask());
    byId("clear-filters").addEventListener("click", () => this.clear());
    byId("open-filters").addEventListener("click", () => this.#open(byId("filters").hidden));
  }

  #list;
  #reader;
  /** @type {Map<string, HTMLInputElement>} */ #fields;
  #isFetching = false;
  #isAsking = false;
  #from = "";
  #names = "";

  /** Ask for every post again. */
  clear() {
    byId("search").value = "";
    for (const field of this.#fields.values()) field.value = "";
    this.#ask();
  }

  /** The feed changed: its tags and authors may be others now. */
  update() {
    const state = this.#reader()?.state;
    if (!state || byId("filters").hidden) return;
    const { tags, authors } = namesOf(state.posts.values());
    const names = JSON.stringify([tags, authors]);
    if (names === this.#names) return;
    this.#names = names;
    this.#fillOptions("tag", tags);
    this.#fillOptions("author", authors);
  }

  /** @param {boolean} isOpen */
  #open(isOpen) {
    byId("filters").hidden = !isOpen;
    byId("open-filters").setAttribute("aria-expanded", String(isOpen));
    this.update();
    if (isOpen) this.#fields.get("state")?.focus();
  }

  /**
   * @param {string} name
   * @param {string[]} values
   */
  #fillOptions(name, values) {
    const field = /** @type {any} */ (this.#fields.get(name));
    const chosen = field.value;
    const all = chosen && !values.includes(chosen) ? [chosen, ...values] : values;
    field.replaceChildren(new Option("any", ""), ...all.map((value) => new Option(value, value)));
    field.value = chosen;
  }

  /** @returns {Choice} */
  #choice() {
    const zone = this.#reader()?.state?.feed.timezone ?? "UTC";
    const chosen = Object.fromEntries([...this.#fields].map(([name, { value }]) => [name, value]));
    const [from, to] = [chosen.from, chosen.to].map((at) => (at ? instantOf(at, zone) : ""));
    return { ...EVERY_POST, ...chosen, text: byId("search").value, from, to };
  }

  #ask() {
    const choice = this.#choice();
    const isAsked = matcher(choice);
    this.#isAsking = isAsked !== null;
    this.#from = choice.from;
    this.#list.filter(isAsked);
    this.tell();
    if (isAsked) this.#fetchRest();
  }

  /** Say how many posts were found. */
  tell() {
    const found = byId("found");
    found.hidden = !this.#isAsking;
    if (!this.#isAsking) return;
    const reader = this.#reader();
    const seen = reader?.state?.posts.size ?? 0;
    const { total } = this.#list;
    const where = reader?.next ? `the newest ${seen.toLocaleString("en")}` : `all ${seen.toLocaleString("en")} posts`;
    found.textContent = `${total.toLocaleString("en")} found in ${where}${this.#isFetching ? "…" : "."}`;
  }

  async #fetchRest() {
    if (this.#isFetching) return;
    const reader = this.#reader();
    this.#isFetching = true;
    try {
      while (reader && this.#isAsking && reader === this.#reader() && reader.next) {
        const { size } = reader.state?.posts ?? { size: 0 };
        const oldest = reader.state?.floor?.[0] ?? "";
        if (size >= MOST_LOADED || (this.#from && oldest && oldest < this.#from)) break;
        byLargePages(reader);
        await reader.older();
      }
    } catch {
      // The button “Older posts” tells and tries again.
    } finally {
      this.#isFetching = false;
      this.tell();
    }
  }
}

/**
 * Have the next page hold as many posts as a page may.
 * @param {Reader} reader
 */
export function byLargePages(reader) {
  if (reader.next && !/[?&]limit=/.test(reader.next)) reader.next += `&limit=${PAGE}`;
}
