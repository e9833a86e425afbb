/**
 * The desk by keys: moving in the list, and one key for each act.
 *
 * Rules:
 * - Nothing happens while a field has the focus, in a dialog, or with Ctrl, Alt or ⌘.
 * - Acts on a post (e, p, k, w, x, h) need the focus in its row: a key that is hit by
 *   chance elsewhere changes nothing.
 * - All single keys can be turned off (WCAG 2.1.4).
 * @module
 */

import { appendElement } from "./append_element.js";

/**
 * @typedef {import("../stop-press/fold.js").Post} Post
 * @typedef {{[key: string]: {text: string, run: (post: Post) => void}}} PostKeys
 * @typedef {{[key: string]: {text: string, run: () => void}}} DeskKeys
 */

const STORED = "stop-press-desk-keys";
const PAGE_ROWS = 10;

export class ListKeys {
  /**
   * @param {HTMLElement} list the <ol>
   * @param {() => Post[]} posts what it shows
   * @param {PostKeys} postKeys
   * @param {DeskKeys} deskKeys
   */
  constructor(list, posts, postKeys, deskKeys) {
    this.#list = list;
    this.#posts = posts;
    this.postKeys = postKeys;
    this.deskKeys = deskKeys;
    document.addEventListener("keydown", (event) => this.#onKey(event));
    list.addEventListener("focusin", ({ target }) => this.#setCurrent(rowAt(target)));
  }

  #list;
  #posts;
  /** @type {HTMLElement | null} The row that Tab reaches. */ #current = null;

  /** Whether single keys act. */
  get isOn() {
    try {
      return localStorage.getItem(STORED) !== "off";
    } catch {
      return true;
    }
  }

  set isOn(isOn) {
    try {
      if (isOn) localStorage.removeItem(STORED);
      else localStorage.setItem(STORED, "off");
    } catch {
      // Without storage they are on after the next load.
    }
  }

  /** The list was drawn: one row must be reached by Tab. */
  update() {
    if (!this.#current?.isConnected) this.#setCurrent(/** @type {HTMLElement | null} */ (this.#list.firstElementChild));
  }

  /** @param {HTMLElement | null} row */
  #setCurrent(row) {
    if (row === this.#current) return;
    if (this.#current) this.#current.tabIndex = -1;
    this.#current = row;
    if (row) row.tabIndex = 0;
  }

  /** @param {KeyboardEvent} event */
  #onKey(event) {
    const { key, target } = event;
    if (event.ctrlKey || event.altKey || event.metaKey || event.isComposing || event.defaultPrevented) return;
    const at = /** @type {HTMLElement} */ (target);
    if (at.matches('input:not([type="checkbox"]), textarea, select')) return;
    if (document.querySelector("dialog[open], .menu[data-open]")) return;
    const row = rowAt(target);
    if (row && this.#move(row, event)) return event.preventDefault();
    if (!this.isOn || event.repeat) return;
    const post = row && this.#posts().find(({ id }) => id === row.dataset.id);
    const isGone = row?.classList.contains("gone");
    if (post && !isGone && key in this.postKeys) this.postKeys[key].run(post);
    else if (key in this.deskKeys) this.deskKeys[key].run();
    else return;
    event.preventDefault();
  }

  /** Move to the list: to the row that was the current one. */
  focus() {
    this.update();
    this.#current?.focus();
  }

  /**
   * @param {HTMLElement} row
   * @param {KeyboardEvent} event
   */
  #move(row, { key, shiftKey }) {
    const step = key === "j" && this.isOn ? "ArrowDown" : key === "J" && shiftKey && this.isOn ? "ArrowUp" : key;
    const { firstElementChild: first, lastElementChild: last } = this.#list;
    const steps = { ArrowDown: 1, ArrowUp: -1, PageDown: PAGE_ROWS, PageUp: -PAGE_ROWS, Home: -Infinity, End: Infinity }[step];
    if (steps === undefined) return false;
    const next = /** @type {HTMLElement} */ (Number.isFinite(steps) ? rowAfter(row, steps) : steps < 0 ? first : last);
    next.focus({ preventScroll: true });
    next.scrollIntoView({ block: "nearest" });
    return true;
  }
}

/**
 * The row so many steps on, or as far as there are rows.
 * @param {Element} row
 * @param {number} steps
 */
function rowAfter(row, steps) {
  let at = row;
  for (let left = Math.abs(steps); left; left--) {
    at = (steps > 0 ? at.nextElementSibling : at.previousElementSibling) ?? at;
  }
  return at;
}

/**
 * @param {EventTarget | null} target
 * @returns {HTMLElement | null}
 */
const rowAt = (target) =>
  target instanceof Element ? /** @type {HTMLElement | null} */ (target.closest("#posts > li")) : null;

/**
 * Show the keys in their dialog, with the switch that turns them off.
 * @param {ListKeys} keys
 * @param {HTMLElement} table a <dl>
 * @param {HTMLInputElement} toggle
 */
export function setUpKeysDialog(keys, table, toggle) {
  const moves = { "↑ ↓ Home End": { text: "move in the list" }, "Ctrl Enter": { text: "publish; ⌘ Enter on a Mac" } };
  for (const [key, { text }] of Object.entries({ ...moves, ...keys.deskKeys, ...keys.postKeys })) {
    appendElement(appendElement(table, "dt", ""), "kbd", "", key);
    appendElement(table, "dd", "", text);
  }
  toggle.checked = keys.isOn;
  toggle.addEventListener("change", () => {
    keys.isOn = toggle.checked;
  });
}
