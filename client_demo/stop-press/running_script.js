/**
 * The `<script>` element that brought these modules, once they are one classic script.
 * @module
 */

/** The script that runs now; null in a module. */
export const runningScript = /** @type {HTMLScriptElement | null | undefined} */ (globalThis.document?.currentScript);
