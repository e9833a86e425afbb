/**
 * What readers will see, drawn by the server while it is written. Nothing is kept.
 * @module
 */

import { ask } from "./send.js";
import { same, written } from "./merge.js";

const PAUSE_MS = 250;

export class Preview {
  /** @param {HTMLElement} place */
  constructor(place) {
    this.#place = place;
  }

  #place;
  /** @type {any} */
  #timer;
  #asked = 0;

  /**
   * Draw the draft, once nothing was typed for a moment.
   * @param {string} feed
   * @param {import("./post_fields.js").Draft} draft
   */
  show(feed, draft) {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#draw(feed, draft), PAUSE_MS);
  }

  /**
   * @param {string} feed
   * @param {import("./post_fields.js").Draft} draft
   */
  async #draw(feed, draft) {
    const turn = ++this.#asked;
    // What is not filled in yet must not hide the rest.
    const media = draft.media.filter(({ type, url, text }) => (type === "quote" ? text : url));
    const wish = written({ ...draft, media });
    if (same(wish, {})) return this.#place.replaceChildren();
    const path = `/desk/preview?feed=${feed}`;
    const { status, body } = await ask({ method: "POST", path, body: wish });
    // A later one may have overtaken it; one that can't be drawn leaves the last.
    if (turn !== this.#asked || status !== 200) return;
    this.#place.lang = body.language;
    this.#place.dir = body.direction;
    this.#place.innerHTML = body.html;
  }
}
