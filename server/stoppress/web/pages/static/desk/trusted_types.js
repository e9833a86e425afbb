/**
 * The desk's Trusted Types: the only ways of text to markup and to a script's address.
 *
 * Rules:
 * - Markup comes from the server, which has sanitised it (`docs/content.md`).
 * - The only script that is loaded by address is the desk's service worker.
 * - Without Trusted Types in the browser, texts are used as they are.
 * @module
 */

const RULES = {
  createHTML: (/** @type {string} */ html) => html,
  createScriptURL: (/** @type {string} */ address) => {
    const { origin, pathname } = new URL(address, location.href);
    if (origin === location.origin && pathname.endsWith("/desk/service-worker.js")) {
      return address;
    }
    throw new TypeError(`not the service worker: ${address}`);
  },
};

const policy =
  /** @type {any} */ (globalThis).trustedTypes?.createPolicy("stop-press-desk", RULES) ?? RULES;

/**
 * The server's markup, for `innerHTML` or a parser.
 * @param {string} html
 * @returns {string}
 */
export const trustedHtml = (html) => policy.createHTML(html);

/**
 * The address of the desk's service worker.
 * @param {string} address
 * @returns {string}
 */
export const trustedScript = (address) => policy.createScriptURL(address);
