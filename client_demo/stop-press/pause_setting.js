/**
 * Whether a reader wants news put in, remembered from page to page.
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
export function rememberPause(paused) {
  try {
    localStorage.setItem(PAUSED, paused ? "1" : "");
  } catch {
    // Storage refused: remembered as long as the page.
  }
  return paused;
}
