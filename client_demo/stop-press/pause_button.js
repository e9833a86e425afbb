/**
 * The button that pauses updates, remembered from page to page.
 * @module
 */

import { keepText } from "./browser_storage.js";

const PAUSED = "stoppress:paused";

/**
 * @param {HTMLElement} button
 * @param {import("./status_bar.js").StatusBar} bar
 * @param {import("./render_post.js").Context} ctx
 * @param {() => void} onChange Called when the reader pauses or resumes.
 */
export function createPauseButton(button, bar, ctx, onChange) {
  const set = (/** @type {boolean} */ paused) => {
    bar.paused = paused;
    button.textContent = ctx.words[paused ? "resume" : "pause"];
    bar.draw();
  };
  set(!!keepText(globalThis, "localStorage", PAUSED));
  button.hidden = false;
  button.onclick = () => {
    set(!bar.paused);
    // Where the browser refuses, the setting lasts as long as the page.
    keepText(globalThis, "localStorage", PAUSED, bar.paused ? "1" : "");
    onChange();
  };
}
