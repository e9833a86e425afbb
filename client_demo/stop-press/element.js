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
import { renderFrame } from "./frame.js";
import { stateOf } from "./held.js";
import { viewOf } from "./view.js";
import { isRising } from "./window.js";

/** Where the hub is, unless the element says otherwise: where this script came from. */
const home = /** @type {any} */ (globalThis.document?.currentScript)?.src || "/";

// In a page without HTMLElement (a server's) the class is there and of no use.
export class StopPress extends (globalThis.HTMLElement ?? Object) {
  static observedAttributes = ["feed", "src", "token", "posts"];

  // May have been set before this class was there.
  #token = /** @type {any} */ (this).token;
  #begun = false;

  /** @type {Reader | null} */ #reader = null;
  /** @type {import("./view.js").View | null} */ #view = null;
  /** @type {ResizeObserver | null} */ #resized = null;

  constructor() {
    super();
    delete (/** @type {any} */ (this).token);
  }

  connectedCallback() {
    if (document.readyState === "loading" && this.dataset.cursor) {
      // The server's HTML may still be on its way.
      document.addEventListener("DOMContentLoaded", () => this.#begin());
    } else this.#begin();
  }

  disconnectedCallback() {
    this.#reader?.stop();
    this.#view?.stop();
    this.#resized?.disconnect();
  }

  attributeChangedCallback(/** @type {string} */ _, /** @type {any} */ old, /** @type {any} */ now) {
    if (old !== now) this.#anew();
  }

  /** What reads a private feed, where it is not to stand in the page. */
  set token(/** @type {string} */ token) {
    this.#token = token;
    this.#anew();
  }

  #anew() {
    if (!this.#begun) return;
    this.disconnectedCallback();
    this.#reader = this.#view = null;
    this.shadowRoot?.replaceChildren(document.createElement("slot"));
    this.#begin();
  }

  #begin() {
    if (!this.isConnected) return;
    this.#begun = true;
    const feed = this.getAttribute("feed");
    try {
      if (this.#reader) {
        this.#reader.start();
        this.#view?.start();
      } else if (feed) this.dataset.cursor ? this.#takeOver(feed) : this.#draw(feed);
    } catch (error) {
      console.warn("stop-press:", error);
    }
  }

  /** The hub's address, maybe under a path, from its own or from that of its script. */
  get #hub() {
    return new URL(this.getAttribute("src") ?? home, /** @type {any} */ (location)).href.split(/\/(stop-press\.|$)/)[0];
  }

  /** The API's path of the posts to show, where others than the newest are asked for. */
  get #from() {
    const asked = this.getAttribute("posts");
    return asked === null ? (this.dataset.from ?? "") : `/v1/feeds/${this.getAttribute("feed")}/posts?${asked}`;
  }

  /** @param {string} slug */
  #takeOver(slug) {
    const { cursor = "", next, zone, status } = this.dataset;
    const root = /** @type {HTMLElement} */ (this.querySelector(".sp"));
    const words = JSON.parse(this.querySelector(".sp-words")?.textContent ?? "");
    const feed = { slug, language: root.lang, direction: root.dir, timezone: zone, status };
    const reader = this.#read(slug);
    this.#look(root, { words, feed, base: this.#hub.slice(location.origin.length), level: 1 }, true);
    reader.start(stateOf(root, feed, parseCursor(cursor), !!next, isRising(this.#from)), next);
    this.#tellHeight(slug);
  }

  /** @param {string} slug */
  #draw(slug) {
    const shadow = this.shadowRoot ?? this.attachShadow({ mode: "open" });
    shadow.replaceChildren(document.createElement("slot"));
    const reader = this.#read(slug, async ({ feed }) => {
      try {
        const words = await reader.get(`/stop-press/words/${feed.language}.json`);
        if (this.#reader !== reader) return;
        const style = new CSSStyleSheet();
        style.replaceSync(words.style);
        // Another feed, so that all of its frame is drawn.
        const ctx = { words, feed: { ...feed }, base: this.#hub, level: 2 };
        const root = renderFrame(ctx);
        shadow.adoptedStyleSheets = [style];
        shadow.replaceChildren(root);
        this.#look(root, ctx, false).renew();
      } catch (error) {
        console.warn("stop-press:", error);
        reader.stop();
      }
    });
    reader.start();
  }

  /**
   * @param {string} feed
   * @param {((state: import("./fold.js").State) => void) | null} [prepare] Told of the
   *   first state.
   * @returns {Reader}
   */
  #read(feed, prepare) {
    const { newest = "" } = this.dataset;
    const token = this.#token || this.getAttribute("token") || "";
    const state = () => this.#tell("state", { line: reader.line, status: reader.state?.feed.status });
    /** @type {Reader} */
    const reader = new Reader(this.#hub, feed, {
      change: (held, message) => {
        if (reader !== this.#reader) return;
        const { type, post, value } = message ?? {};
        if (post) this.#tell("post", { type, post });
        if (value) state();
        prepare?.(held);
        prepare = null;
        this.#view?.show(post);
      },
      reset: () => {
        // What stands far below the newest can't be pieced together: ask for the page.
        if (reader === this.#reader) this.#view?.renew();
      },
      readers: (count) => reader === this.#reader && this.#view?.say(reader.line, count),
      line: (line) => {
        if (reader !== this.#reader) return;
        this.#view?.say(line);
        state();
        // Nothing is drawn yet, and what stands inside is all there is to see.
        if (!this.#view && ["gone", "reconnecting"].includes(line)) console.warn(`stop-press: ${feed} is ${line}`);
      },
    }, { token, from: this.#from, newest });
    return (this.#reader = reader);
  }

  /**
   * @param {HTMLElement} root
   * @param {import("./render.js").Context} ctx
   * @param {boolean} own
   */
  #look(root, ctx, own) {
    const reader = /** @type {Reader} */ (this.#reader);
    const view = (this.#view = viewOf(root, ctx, own, reader, this.#from, this.dataset));
    view.start();
    view.say(reader.line);
    return view;
  }

  /**
   * Inside a frame whose owner gave its origin: tell it how high the page is.
   * @param {string} feed
   */
  #tellHeight(feed) {
    const { parent } = this.dataset;
    if (!parent || window.parent === window) return;
    const page = document.documentElement;
    this.#resized = new ResizeObserver(() => {
      window.parent.postMessage({ type: "stoppress:height", feed, height: page.offsetHeight }, parent);
    });
    this.#resized.observe(page);
  }

  /**
   * @param {string} name
   * @param {any} detail
   */
  #tell(name, detail) {
    this.dispatchEvent(new CustomEvent(`stoppress:${name}`, { detail, bubbles: true, composed: true }));
  }
}
