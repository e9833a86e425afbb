/**
 * Hides what is written once this person is no longer signed in here.
 *
 * Rules:
 * - The session may end elsewhere, or by its time: then the desk is covered until the same
 *   person has signed in again, in this tab or another. The text is kept.
 * - Who signs in next at this browser sees none of it: tabs of others are loaded anew.
 * - A browser that keeps nothing is not covered: its text is nowhere else.
 * @module
 */

import { SIGNED_OUT } from "./repeat_request_until_outcome.js";
import { byId } from "./status_messages_and_questions.js";

/**
 * @param {import("./entry_store.js").EntryStore} store
 * @param {() => void} goOn called once the person is back
 */
export function hideWhenSignedOut(store, goOn) {
  const dialog = byId("signed-out");
  let isHidden = false;
  document.addEventListener(SIGNED_OUT, () => {
    if (isHidden || !store.isKept) return;
    isHidden = true;
    // Only one dialog is above the cover.
    for (const open of document.querySelectorAll("dialog[open]")) /** @type {HTMLDialogElement} */ (open).close();
    document.body.classList.add("covered");
    dialog.showModal();
  });
  // Escape closes a dialog: what is behind it stays hidden.
  dialog.addEventListener("close", () => isHidden && location.reload());
  if (!globalThis.BroadcastChannel) return;
  const channel = new BroadcastChannel("stop-press-desk-person");
  channel.onmessage = ({ data }) => {
    if (!store.isKept) return;
    if (data !== store.person) return location.reload();
    if (isHidden) {
      isHidden = false;
      document.body.classList.remove("covered");
      dialog.close();
    }
    goOn();
  };
  channel.postMessage(store.person);
}
