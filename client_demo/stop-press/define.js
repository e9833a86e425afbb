/**
 * Registers `<stop-press>` once, however many copies of the script a page loads.
 * Where there are no elements, as on a server, it registers nothing.
 * @module
 */

import { StopPress } from "./element.js";

const { customElements } = globalThis;
if (!customElements?.get("stop-press")) customElements?.define("stop-press", StopPress);

export { StopPress };
