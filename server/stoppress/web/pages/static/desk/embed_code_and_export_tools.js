/**
 * What the desk offers of a feed besides its members: the code that embeds it, its
 * addresses, and its export.
 * @module
 */

import { exportLines, saveLines } from "./export_feed.js";
import { byId } from "./status_messages_and_questions.js";
import { ROOT } from "./repeat_request_until_outcome.js";

/** @param {() => any} feed the feed that is open, null before it is loaded */
export function setUpFeedTools(feed) {
  byId("open-settings").addEventListener("click", () => {
    const given = feed();
    if (given) byId("embed-code").value = embedCode(location.origin + ROOT, given.slug, given.title);
    if (given) byId("frame-code").value = frameCode(location.origin + ROOT, given.slug, given.title);
    byId("tools-status").textContent = "";
  });
  const zones = /** @type {any} */ (Intl).supportedValuesOf?.("timeZone") ?? [];
  byId("zones").replaceChildren(...zones.map((/** @type {string} */ zone) => new Option(zone)));
  for (const name of ["embed", "frame"]) {
    byId(`copy-${name}`).addEventListener("click", () => copy(byId(`${name}-code`)));
  }
  byId("export").addEventListener("click", async () => {
    const { slug } = feed() ?? {};
    if (!slug) return;
    byId("export").disabled = true;
    try {
      saveLines(`${slug}.jsonl`, await exportLines(slug, (count) => say(`${count} lines…`)));
      say("Exported; `stoppress import` reads the file.");
    } catch (error) {
      say(error instanceof Error ? error.message : "The export failed.");
    } finally {
      byId("export").disabled = false;
    }
  });
}

/** @param {string} text */
function say(text) {
  byId("tools-status").textContent = text;
}

/** @param {HTMLTextAreaElement} field */
async function copy(field) {
  field.select();
  try {
    await navigator.clipboard.writeText(field.value);
    say("Copied.");
  } catch {
    say("The code is selected: copy it with Ctrl+C.");
  }
}

/** @param {string} text */
const attribute = (text) => text.replace(/&/g, "&amp;").replace(/"/g, "&quot;").replace(/</g, "&lt;");

/**
 * The feed as part of another page.
 * @param {string} site
 * @param {string} slug
 * @param {string} title
 */
export const embedCode = (site, slug, title) =>
  `<script async src="${site}/stop-press.js"></script>\n` +
  `<stop-press feed="${slug}"><a href="${site}/live/${slug}">${attribute(title)}</a></stop-press>`;

/**
 * The feed in a frame, where a page allows no scripts of others.
 * @param {string} site
 * @param {string} slug
 * @param {string} title
 */
export const frameCode = (site, slug, title) =>
  `<iframe src="${site}/embed/${slug}" title="${attribute(title)}" width="640" height="720" ` +
  'loading="lazy" allow="web-share; clipboard-write"></iframe>';
