/**
 * The bar above the posts: how the line is, in words, how many read, and pause.
 * @module
 */

import { isPaused, rememberPause } from "./pause_setting.js";
import { countOf } from "./localization.js";

/**
 * @param {HTMLElement} text
 * @param {HTMLElement} button
 * @param {import("./render_post.js").Context} ctx
 * @param {() => void} turned Told when updates were paused or resumed.
 */
export function barOf(text, button, ctx, turned) {
  const bar = {
    paused: isPaused(),
    line: /** @type {import("./client.js").LineState} */ ("connecting"),
    readers: 0,

    /** Say how all that is. */
    say() {
      const { line, readers } = bar;
      const { words, feed } = ctx;
      /** @type {string} */
      let state = line;
      if (line === "live") {
        if (feed.status === "closed") state = "ended";
        else if (bar.paused) state = "paused";
      }
      const told = readers && state === "live" ? ` · ${countOf(words, "reading", readers)}` : "";
      text.textContent = words.line[state] + told;
      text.dataset.line = state;
      button.textContent = words[bar.paused ? "resume" : "pause"];
    },
  };
  button.hidden = false;
  button.onclick = () => {
    bar.paused = rememberPause(!bar.paused);
    bar.say();
    turned();
  };
  return bar;
}
