/**
 * The menu of a row: everything that can be done to a post besides editing and
 * withdrawing. One menu, placed at the button that opened it.
 * @module
 */

import { appendButton } from "./append_element.js";

/**
 * @typedef {import("../stop-press/fold.js").Post} Post
 * @typedef {{label: string, key?: string, isDanger?: boolean, run: (post: Post) => void}} MenuItem
 */

export class PostMenu {
  /**
   * @param {any} menu an element with `popover`
   * @param {(post: Post) => MenuItem[]} items
   */
  constructor(menu, items) {
    this.#menu = menu;
    this.#items = items;
    menu.addEventListener("toggle", (/** @type {any} */ { newState }) => {
      menu.toggleAttribute("data-open", newState === "open");
      if (newState !== "open" && menu.contains(document.activeElement)) this.#opener?.focus();
    });
    menu.addEventListener("keydown", (/** @type {KeyboardEvent} */ event) => this.#onKey(event));
  }

  #menu;
  #items;
  /** @type {HTMLElement | null} */ #opener = null;

  /**
   * @param {Post} post
   * @param {HTMLElement} opener
   */
  open(post, opener) {
    this.#opener = opener;
    this.#menu.replaceChildren();
    for (const { label, key, isDanger, run } of this.#items(post)) {
      const item = appendButton(this.#menu, label, () => {
        opener.focus();
        this.#menu.hidePopover();
        run(post);
      });
      item.setAttribute("role", "menuitem");
      if (key) item.dataset.key = key;
      if (isDanger) item.className = "danger-text";
    }
    this.#menu.showPopover();
    this.#place(opener.getBoundingClientRect());
    this.#menu.firstElementChild?.focus();
  }

  /** @param {DOMRect} at */
  #place(at) {
    const { offsetWidth, offsetHeight, style } = this.#menu;
    const isRtl = getComputedStyle(this.#menu).direction === "rtl";
    const start = isRtl ? at.left : at.right - offsetWidth;
    const fits = at.bottom + offsetHeight < innerHeight;
    style.left = `${Math.max(4, Math.min(start, innerWidth - offsetWidth - 4))}px`;
    style.top = `${Math.max(4, fits ? at.bottom : at.top - offsetHeight)}px`;
  }

  /** @param {KeyboardEvent} event */
  #onKey(event) {
    const items = [...this.#menu.children];
    const place = items.indexOf(document.activeElement);
    const to = { ArrowDown: place + 1, ArrowUp: place - 1, Home: 0, End: -1 }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    items.at(to % items.length).focus();
  }
}
