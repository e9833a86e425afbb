/**
 * `<stop-press feed="x" [src="https://hub"]>`: one live blog, in any page.
 *
 * On the feed's own page it takes over the server's HTML, in place. Elsewhere it draws
 * into a shadow root; until then, and if it fails, its own content is shown. Its only
 * input are attributes and the property `token`. Its events bubble, also out of shadow
 * roots: `stoppress:post` {type, post} and `stoppress:state` {line, status}.
 * @module
 */

import { Reader } from "./client.js";
import { parseCursor } from "./cursor.js";
import { createFeedView } from "./feed_view.js";
import { isOldestFirst } from "./is_oldest_first.js";
import { localTime } from "./localization.js";
import { runningScript } from "./running_script.js";
import { renderFrame } from "./render_widget_shell.js";
import { stateFromPage } from "./state_from_page.js";

/**
 * @typedef {string | import("./ticket_source.js").TicketSource} Token
 * @typedef {import("./localization.js").Words} Words
 */

// Without HTMLElement, as on a server, the class exists and does nothing.
export class StopPress extends (globalThis.HTMLElement ?? Object) {
  static observedAttributes = ["feed", "src", "token", "posts"];

  // May have been set before this class was defined.
  #token = /** @type {{token?: Token}} */ (this).token;
  #isStarted = false;

  /** @type {Reader | null} */ #reader = null;
  /** @type {import("./feed_view.js").FeedView | null} */ #view = null;

  constructor() {
    super();
    delete (/** @type {{token?: Token}} */ (this).token);
  }

  connectedCallback() {
    if (document.readyState === "loading" && this.dataset.cursor) {
      // The server's HTML may not be complete yet.
      document.addEventListener("DOMContentLoaded", () => this.#start());
    } else this.#start();
  }

  disconnectedCallback() {
    this.#reader?.stop();
    this.#view?.stop();
  }

  attributeChangedCallback(/** @type {string} */ _, /** @type {string | null} */ old, /** @type {string | null} */ now) {
    if (old !== now) this.reload();
  }

  /** The token of a private feed, if it is not to be in the page; or a source of tickets. */
  set token(/** @type {Token} */ token) {
    this.#token = token;
    this.reload();
  }

  /** Begin anew: everything is loaded and drawn again. */
  reload() {
    if (!this.#isStarted) return;
    this.disconnectedCallback();
    this.#reader = this.#view = null;
    this.shadowRoot?.replaceChildren(document.createElement("slot"));
    this.#start();
  }

  #start() {
    if (!this.isConnected) return;
    this.#isStarted = true;
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

  /** The server's address, with its path if it has one: of `src`, or else of this script. */
  get #hub() {
    return new URL(this.getAttribute("src") ?? (runningScript?.src || "/"), location.href).href.split(/\/(stop-press\.|$)/)[0];
  }

  /** The API's path of the posts to show, if not the newest; else "". */
  get #from() {
    const query = this.getAttribute("posts");
    return query === null ? (this.dataset.from ?? "") : `/v1/feeds/${this.getAttribute("feed")}/posts?${query}`;
  }

  /**
   * Go on from the server's HTML.
   * @param {string} slug
   */
  #takeOver(slug) {
    const { cursor, next, zone, status } = /** @type {{[name: string]: string}} */ (this.dataset);
    const root = /** @type {HTMLElement} */ (this.querySelector(".sp"));
    /** @type {Words} */
    const words = JSON.parse(/** @type {{textContent: string}} */ (this.querySelector(".sp-words")).textContent);
    const feed = { slug, language: root.lang, direction: root.dir, timezone: zone, status };
    const reader = this.#createReader(slug);
    this.#showFeed(root, { words, feed, base: this.#hub.slice(location.origin.length), headingLevel: 1 }, true);
    reader.start(stateFromPage(root, feed, parseCursor(cursor), !!next, isOldestFirst(this.#from)), next);
  }

  /**
   * Draw the feed into a shadow root.
   * @param {string} slug
   */
  #draw(slug) {
    const shadow = this.shadowRoot ?? this.attachShadow({ mode: "open" });
    const own = document.createElement("slot");
    shadow.replaceChildren(own);
    // Loads with the snapshot; where it is blocked the feed is drawn without it.
    const extras = import("./feed_extras.js").catch(() => {});
    const reader = this.#createReader(slug, async ({ feed }) => {
      try {
        // The first of a zone takes long: it is made while the words are on their way.
        localTime(0, feed.timezone);
        const [language] = feed.language.split("-");
        const words = (language === guess && (await guessed)) || (await loadWords(language));
        await extras;
        // A task of its own: no task keeps a phone from scrolling.
        await new Promise((go) => setTimeout(go));
        if (this.#reader !== reader) return;
        const style = new CSSStyleSheet();
        style.replaceSync(words.style);
        // A copy counts as a changed feed, so that its surroundings are drawn.
        const ctx = { words, feed: { ...feed }, base: this.#hub, headingLevel: 2 };
        const root = renderFrame(ctx);
        shadow.adoptedStyleSheets = [style];
        shadow.replaceChildren(root);
        this.#showFeed(root, ctx, false).renew();
      } catch (error) {
        console.warn("stop-press:", error);
        reader.stop();
        shadow.replaceChildren(own);
      }
    });
    /** @type {(language: string) => Promise<Words>} */
    const loadWords = (language) => reader.get(`/stop-press/words/${language}.json`);
    // A feed is mostly in the language of the page: its words load with the snapshot.
    const [guess] = document.documentElement.lang.split("-");
    const guessed = guess && loadWords(guess).catch(() => {});
    reader.start();
  }

  /**
   * @param {string} feed
   * @param {((state: import("./fold.js").State) => void) | null} [onFirstState]
   * @returns {Reader}
   */
  #createReader(feed, onFirstState) {
    const token = this.#token || this.getAttribute("token") || "";
    const reportState = () => this.#report("state", { line: reader.line, status: reader.state?.feed.status });
    /** @type {Reader} */
    const reader = new Reader(this.#hub, feed, {
      change: (state, message) => {
        if (reader !== this.#reader) return;
        const { type, post, value } = message ?? {};
        if (post) this.#report("post", { type, post });
        if (value) reportState();
        onFirstState?.(state);
        onFirstState = null;
        this.#view?.showPost(post);
      },
      reset: () => {
        if (reader === this.#reader) this.#view?.renew();
      },
      readers: (count) => reader === this.#reader && this.#view?.showLine(reader.line, count),
      line: (line) => {
        if (reader !== this.#reader) return;
        this.#view?.showLine(line);
        reportState();
        // Nothing is drawn yet: the reader sees only the element's own content.
        if (!this.#view && ["gone", "reconnecting"].includes(line)) console.warn("stop-press:", feed, line);
      },
    }, { token, from: this.#from, newest: this.dataset.newest });
    return (this.#reader = reader);
  }

  /**
   * @param {HTMLElement} root
   * @param {import("./render_post.js").Context} ctx
   * @param {boolean} own
   */
  #showFeed(root, ctx, own) {
    const reader = /** @type {Reader} */ (this.#reader);
    const view = createFeedView(root, ctx, own, reader, this.#from, this.dataset);
    view.start();
    view.showLine(reader.line);
    return (this.#view = view);
  }

  /**
   * @param {string} name
   * @param {object} detail
   */
  #report(name, detail) {
    this.dispatchEvent(new CustomEvent(`stoppress:${name}`, { detail, bubbles: true, composed: true }));
  }
}
