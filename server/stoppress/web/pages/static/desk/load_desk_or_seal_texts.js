/**
 * The sign-in page: asks whether somebody is signed in after all, and if not, seals what
 * was written in this browser.
 *
 * After a link from another site even a signed-in editor gets this page, since the browser
 * does not send the session's cookie. From here it does: then the desk is loaded.
 * @module
 */

import { ROOT } from "./repeat_request_until_outcome.js";
import { sealTextsOfOthers } from "./sealed_texts.js";

const answer = await fetch(`${ROOT}/desk`).catch(() => null);
const isSignedIn = answer?.headers.has("stop-press-desk");
if (isSignedIn && !document.referrer.startsWith(`${location.origin}/`)) location.replace(location.href);
if (answer?.ok && !isSignedIn) {
  const sealed = /** @type {HTMLElement} */ (document.getElementById("sealed"));
  sealed.hidden = !(await sealTextsOfOthers(""));
}
