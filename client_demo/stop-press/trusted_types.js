/**
 * The one Trusted Types policy, named `stop-press`: what may become markup or a script.
 * @module
 */

/** @type {any} */
let policy;

/** Made when first needed: a page may load the script twice, and allow the name once. */
export function trusted() {
  const { trustedTypes } = /** @type {any} */ (globalThis);
  const same = (/** @type {string} */ text) => text;
  const rules = { createHTML: same, createScriptURL: same };
  return (policy ??= trustedTypes?.createPolicy("stop-press", rules) ?? rules);
}
