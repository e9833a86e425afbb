/**
 * The preview: what readers will see, rendered by the server while the editor types. The
 * server keeps nothing of it.
 * @module
 */

import { waitingId } from "./picture_store.js";
import { sendOnce } from "./repeat_request_until_outcome.js";
import { filledMembers, isEqualJson } from "./draft_patch_and_three_way_merge.js";
import { trustedHtml } from "./trusted_types.js";

const TYPING_PAUSE_MS = 250;

export class Preview {
  /** @param {HTMLElement} box */
  constructor(box) {
    this.#box = box;
  }

  #box;
  /** @type {any} */
  #timer;
  #lastRequest = 0;

  /**
   * Draw the draft, once the editor pauses.
   * @param {string} feed
   * @param {import("./post_field_table.js").Draft} draft
   */
  show(feed, draft) {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#draw(feed, draft), TYPING_PAUSE_MS);
  }

  /**
   * @param {string} feed
   * @param {import("./post_field_table.js").Draft} draft
   */
  async #draw(feed, draft) {
    const number = ++this.#lastRequest;
    // A medium that is not filled in yet must not hide the rest.
    const media = draft.media.filter(({ type, url, text }) => (type === "quote" ? text : url && !waitingId(url)));
    const body = filledMembers({ ...draft, media });
    if (isEqualJson(body, {})) return this.#box.replaceChildren();
    const path = `/v1/feeds/${feed}/preview`;
    const { status, body: rendered } = await sendOnce({ method: "POST", path, body });
    // A later request may have overtaken it; a refused draft leaves the last preview.
    if (number !== this.#lastRequest || status !== 200) return;
    this.#box.lang = rendered.language;
    this.#box.dir = rendered.direction;
    this.#box.innerHTML = trustedHtml(rendered.html);
  }
}
