/**
 * `<stop-press feed="x" [src="https://hub"]>`: one live blog, in any page.
 *
 * On the feed's own page it takes over the server's HTML, in place; elsewhere it
 * draws into a shadow root, and until then, or if it can't, what stands inside it
 * is shown. Attributes are its only input, but for the property `token`. Events (they bubble, out of shadows too):
 * `stoppress:post` {type, post} and `stoppress:state` {line, status}.
 * @module
 */

import { Reader } from "./client.js";
import { parseCursor } from "./cursor.js";
import { stateOf } from "./held.js";
import { renderFrame } from "./frame.js";
import { View } from "./view.js";
import { isRising } from "./window.js";

/** Where this script came from, unless the element says otherwise. */
let home = globalThis.location?.origin;

/** @param {string} origin */
export const setHome = (origin) => {
  home = origin;
};

// In a page without HTMLElement (a server's) the class is there and of no use.
export class StopPress extends (globalThis.HTMLElement ?? Object) {
  static observedAttributes = ["feed", "src", "token", "posts"];

  // May have been set before this class was there.
  #token = /** @type {any} */ (this).token;
  #begun = false;

  /** @type {Reader | null} */ #reader = null;
  /** @type {View | null} */ #view = null;
  /** @type {import("./render.js").Context | null} */ #ctx = null;
  /** @type {((state: import("./fold.js").State) => void) | null} */ #prepare = null;
  /** @type {ResizeObserver | null} */ #resized = null;

  constructor() {
    super();
    delete (/** @type {any} */ (this).token);
  }

  connectedCallback() {
    if (document.readyState === "loading" && this.dataset.cursor) {
      // The server's HTML may still be on its way.
      document.addEventListener("DOMContentLoaded", () => this.#begin(), { once: true });
    } else this.#begin();
  }

  disconnectedCallback() {
    this.#reader?.stop();
    this.#view?.stop();
    this.#resized?.disconnect();
  }

  attributeChangedCallback(/** @type {string} */ _, /** @type {any} */ old, /** @type {any} */ now) {
    if (old !== now && this.#begun) this.#anew();
  }

  /** What reads a private feed, where it is not to stand in the page. */
  set token(/** @type {string} */ token) {
    this.#token = token;
    if (this.#begun) this.#anew();
  }

  #anew() {
    this.disconnectedCallback();
    this.#reader = this.#view = this.#ctx = this.#prepare = null;
    this.shadowRoot?.replaceChildren(document.createElement("slot"));
    this.#begin();
  }

  #begin() {
    if (!this.isConnected) return;
    this.#begun = true;
    if (this.#reader) {
      this.#reader.start();
      this.#view?.start();
      return;
    }
    const feed = this.getAttribute("feed");
    if (!feed) return;
    try {
      if (this.dataset.cursor) this.#takeOver(feed);
      else this.#draw(feed);
    } catch (error) {
      console.warn("stop-press:", error);
    }
  }

  /** The API's path of the posts to show, where others than the newest are asked for. */
  get #from() {
    const { from = "" } = this.dataset;
    return this.hasAttribute("posts")
      ? `/v1/feeds/${this.getAttribute("feed")}/posts?${this.getAttribute("posts")}`
      : from;
  }

  /** @param {string} feed */
  #takeOver(feed) {
    const { cursor = "", next, zone, status } = this.dataset;
    const root = /** @type {HTMLElement} */ (this.querySelector(".sp"));
    const words = JSON.parse(this.querySelector(".sp-words")?.textContent ?? "");
    const shown = { slug: feed, language: root.lang, direction: root.dir, timezone: zone, status };
    this.#ctx = { words, feed: shown, base: "", level: 1 };
    const reader = this.#read(location.origin, feed);
    this.#look(root, true);
    const state = stateOf(root, shown, parseCursor(cursor), !!next, isRising(this.#from));
    reader.start(state, next ?? null);
    this.#tellHeight(feed);
  }

  /** @param {string} feed */
  #draw(feed) {
    const origin = new URL(this.getAttribute("src") ?? home, location.href).origin;
    const shadow = this.shadowRoot ?? this.attachShadow({ mode: "open" });
    shadow.replaceChildren(document.createElement("slot"));
    const reader = this.#read(origin, feed);
    this.#prepare = async ({ feed: shown }) => {
      this.#prepare = null;
      try {
        const [language] = shown.language.toLowerCase().split("-");
        const words = await reader.get(`/stop-press/words/${language}.json`);
        if (this.#reader !== reader) return;
        const style = new CSSStyleSheet();
        style.replaceSync(words.style);
        // Another feed, so that all of its frame is drawn.
        this.#ctx = { words, feed: { ...shown }, base: origin, level: 2 };
        const root = renderFrame(this.#ctx);
        shadow.adoptedStyleSheets = [style];
        shadow.replaceChildren(root);
        this.#look(root, false).renew();
      } catch (error) {
        console.warn("stop-press:", error);
        reader.stop();
      }
    };
    reader.start();
  }

  /**
   * @param {string} origin
   * @param {string} feed
   * @returns {Reader}
   */
  #read(origin, feed) {
    const { newest = "" } = this.dataset;
    /** @type {Reader} */
    const reader = new Reader(origin, feed, {
      change: (state, message) => {
        if (reader !== this.#reader) return;
        if (message?.post) this.#tell("post", { type: message.type, post: message.post });
        if (message?.value) this.#tell("state", { line: reader.line, status: state.feed.status });
        this.#prepare?.(state);
        this.#view?.show(state, reader.next, message?.post);
      },
      reset: () => {
        // What stands far below the newest can't be pieced together: ask for the page.
        if (reader === this.#reader) this.#view?.renew();
      },
      readers: (count) => reader === this.#reader && this.#view?.readers(count),
      line: (line) => {
        if (reader !== this.#reader) return;
        this.#view?.say(line);
        this.#tell("state", { line, status: reader.state?.feed.status });
        // Nothing is drawn yet, and what stands inside is all there is to see.
        if (!this.#view && ["gone", "reconnecting"].includes(line)) console.warn(`stop-press: ${feed} is ${line}`);
      },
    }, { token: this.#token || this.getAttribute("token") || "", from: this.#from, newest });
    this.#reader = reader;
    return reader;
  }

  /**
   * @param {HTMLElement} root
   * @param {boolean} own
   * @returns {View}
   */
  #look(root, own) {
    const reader = /** @type {Reader} */ (this.#reader);
    const ctx = /** @type {import("./render.js").Context} */ (this.#ctx);
    this.#view = new View(root, ctx, own, reader, this.#from, this.dataset);
    this.#view.start();
    this.#view.say(reader.line);
    if (reader.state) this.#view.show(reader.state, reader.next);
    return this.#view;
  }

  /**
   * Inside a frame whose owner gave its origin: tell it how high the page is.
   * @param {string} feed
   */
  #tellHeight(feed) {
    const { parent } = this.dataset;
    if (!parent || window.parent === window) return;
    this.#resized = new ResizeObserver(() => {
      const height = document.documentElement.offsetHeight;
      window.parent.postMessage({ type: "stoppress:height", feed, height }, parent);
    });
    this.#resized.observe(document.documentElement);
  }

  /**
   * @param {string} name
   * @param {any} detail
   */
  #tell(name, detail) {
    const options = { detail, bubbles: true, composed: true };
    this.dispatchEvent(new CustomEvent(`stoppress:${name}`, options));
  }
}
