/**
 * Whoever follows a link from another site is shown the door, although signed in:
 * the cookie is not sent along. From here it is, so look again.
 * @module
 */

import { ROOT } from "./send.js";

if (!document.referrer.startsWith(`${location.origin}/`)) {
  const answer = await fetch(`${ROOT}/desk/feeds`).catch(() => null);
  if (answer?.ok) location.replace(location.href);
}
