/**
 * Registers `<stop-press>`, once, whatever the number of scripts on the page.
 * @module
 */

import { StopPress } from "./element.js";

if (!customElements.get("stop-press")) customElements.define("stop-press", StopPress);

export { StopPress };
