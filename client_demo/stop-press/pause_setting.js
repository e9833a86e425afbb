/**
 * Whether the reader has paused updates, remembered from page to page.
 * @module
 */

const PAUSED = "stoppress:paused";

/** @returns {boolean} */
export function isPaused() {
  try {
    return localStorage.getItem(PAUSED) === "1";
  } catch {
    return false;
  }
}

/**
 * @param {boolean} paused
 * @returns {boolean} The same.
 */
export function savePause(paused) {
  try {
    localStorage.setItem(PAUSED, paused ? "1" : "");
  } catch {
    // The browser refuses storage: the setting lasts as long as the page.
  }
  return paused;
}
