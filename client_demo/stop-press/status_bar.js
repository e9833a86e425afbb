/**
 * The bar above the posts: the state of the line in words, the number of readers, and the
 * pause button.
 * @module
 */

import { countText } from "./localization.js";
import { isPaused, savePause } from "./pause_setting.js";

/**
 * @param {HTMLElement} text
 * @param {HTMLElement} button
 * @param {import("./render_post.js").Context} ctx
 * @param {() => void} onPauseChange Called when the reader pauses or resumes.
 */
export function createStatusBar(text, button, ctx, onPauseChange) {
  const bar = {
    paused: isPaused(),
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
      button.textContent = words[bar.paused ? "resume" : "pause"];
    },
  };
  button.hidden = false;
  button.onclick = () => {
    bar.paused = savePause(!bar.paused);
    bar.draw();
    onPauseChange();
  };
  return bar;
}
