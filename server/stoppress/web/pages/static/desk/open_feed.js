/**
 * The feed that is open at the desk: its line, and what the parts of the page show of it.
 * @module
 */

import { Reader } from "../stop-press/client.js";
import { byId } from "./status_messages_and_questions.js";
import { ROOT } from "./repeat_request_until_outcome.js";

/**
 * @typedef {import("../stop-press/fold.js").Post} Post
 * @typedef {import("../stop-press/fold.js").State} State
 * @typedef {{changed: (state: State) => void, readers: (count: number) => void,
 *   withdrawn: (isWithdrawn: (id: string) => boolean) => void}} FeedEvents
 */

const LINE_TEXTS = {
  connecting: "Connecting…",
  live: "Live",
  reconnecting: "The live line broke; coming back…",
  ended: "The live line has ended.",
  gone: "This feed can't be read.",
};

export class OpenFeed {
  /** @param {FeedEvents} events */
  constructor(events) {
    this.#events = events;
  }

  #events;
  /** @type {Reader | null} */ reader = null;
  slug = "";
  /** @type {number | null} How many read the feed now; null: not told. */ readers = null;

  /** The feed as it is now; null before it is loaded. */
  get feed() {
    return this.reader?.state?.feed ?? null;
  }

  /** @param {string} slug */
  open(slug) {
    this.reader?.stop();
    this.slug = slug;
    this.readers = null;
    history.replaceState(null, "", `?feed=${slug}`);
    byId("feed").value = slug;
    byId("page-link").href = `${ROOT}/live/${slug}`;
    const ofFeed = /** @type {HTMLAnchorElement | null} */ (document.querySelector("[data-of-feed]"));
    if (ofFeed) ofFeed.search = `?feed=${slug}`;
    this.#showReaders();
    /** @type {State | null} */
    let before = null;
    const mine = (this.reader = new Reader(location.origin + ROOT, slug, {
      change: (state) => {
        if (mine !== this.reader) return;
        const last = before;
        before = state;
        this.#events.withdrawn(
          (id) => !!last?.posts.has(id) && !state.posts.has(id) && state.pinned?.id !== id,
        );
        byId("feed").selectedOptions[0].textContent = state.feed.title;
        byId("older").hidden = !mine.next;
        this.#events.changed(state);
      },
      line: (line) => {
        if (mine === this.reader) this.#showLine(line);
      },
      readers: (count) => {
        if (mine !== this.reader) return;
        this.readers = count;
        this.#showReaders();
        this.#events.readers(count);
      },
    }));
    this.#showLine("connecting");
    mine.start();
  }

  /** End the line; no feed is open then. */
  close() {
    this.reader?.stop();
    this.reader = null;
    this.slug = "";
  }

  /** @param {keyof typeof LINE_TEXTS} line */
  #showLine(line) {
    byId("line").textContent = LINE_TEXTS[line];
    byId("line").dataset.line = line;
  }

  #showReaders() {
    const { readers } = this;
    byId("reading").textContent = readers === null ? "" : `${readers.toLocaleString("en")} reading`;
  }
}
