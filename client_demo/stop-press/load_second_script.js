/**
 * Loads the second of the reader's two scripts; only in the built scripts, where it takes
 * the place of `import()` (`server/bundle_widget.py`).
 *
 * It is bound to the first part by its name, which holds its digest, and by `integrity`:
 * who checks the first part checks both. It shares what the first part declares through a
 * property of its own element: nothing is added to the page's scope.
 * @module
 */

import { runningScript } from "./running_script.js";
import { trusted } from "./trusted_types.js";

/** @type {Promise<any> | null} */
let loading = null;

/**
 * What the second script exports. Rejects if it is blocked or missing, and may be tried again.
 * @param {string} name
 * @param {string} integrity
 * @param {object} shared What it uses of the first part.
 * @returns {Promise<any>}
 */
export function loadScript(name, integrity, shared) {
  return (loading ??= new Promise((resolve, reject) => {
    const script = /** @type {any} */ (document.createElement("script"));
    const src = new URL(name, runningScript?.src || location.href).href;
    script.onload = () => resolve(script.exported);
    script.onerror = () => {
      loading = null;
      reject(new Error(`${src} is blocked or missing`));
    };
    Object.assign(script, { integrity, crossOrigin: "", nonce: runningScript?.nonce ?? "", shared, src: trusted().createScriptURL(src) });
    document.head.append(script);
    script.remove();
  }));
}
