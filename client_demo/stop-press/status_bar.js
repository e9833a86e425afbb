/**
 * The bar above the posts: the state of the line in words, and the number of readers.
 * @module
 */

import { countText } from "./localization.js";

/** @typedef {ReturnType<typeof createStatusBar>} StatusBar */

/**
 * @param {HTMLElement} text
 * @param {import("./render_post.js").Context} ctx
 */
export function createStatusBar(text, ctx) {
  const bar = {
    paused: false,
    line: /** @type {import("./client.js").LineState} */ ("connecting"),
    readers: 0,

    /** Show all that in words. */
    draw() {
      const { line, readers } = bar;
      const { words, feed } = ctx;
      /** @type {string} */
      let state = line;
      if (line === "live") {
        if (feed.status === "closed") state = "ended";
        else if (bar.paused) state = "paused";
      }
      const count = readers && state === "live" ? ` · ${countText(words, "reading", readers)}` : "";
      text.textContent = words.line[state] + count;
      text.dataset.line = state;
    },
  };
  return bar;
}
