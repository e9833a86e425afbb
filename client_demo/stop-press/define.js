/**
 * Registers `<stop-press>`, once, whatever the number of scripts on the page.
 * @module
 */

import { StopPress, setHome } from "./element.js";

const script = /** @type {HTMLScriptElement | null} */ (document.currentScript);
if (script?.src) setHome(new URL(script.src).origin);
if (!customElements.get("stop-press")) customElements.define("stop-press", StopPress);

export { StopPress };
