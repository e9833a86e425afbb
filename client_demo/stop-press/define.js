/**
 * Registers `<stop-press>` once, however many copies of the script a page loads.
 * @module
 */

import { StopPress } from "./element.js";

if (!customElements.get("stop-press")) customElements.define("stop-press", StopPress);

export { StopPress };
