/**
 * The sign-in page: after a link from another site even a signed-in editor gets it, since
 * the browser does not send the session's cookie. From here it does, so try again.
 * @module
 */

import { ROOT } from "./repeat_request_until_outcome.js";

if (!document.referrer.startsWith(`${location.origin}/`)) {
  const answer = await fetch(`${ROOT}/v1/desk/feeds`).catch(() => null);
  if (answer?.ok) location.replace(location.href);
}
