/**
 * Takes what is written out of sight once this person is no longer signed in here.
 *
 * Rules:
 * - The session may end elsewhere, or by its time: then the desk is covered, its texts are
 *   sealed for this person, and the sign-in page takes its place.
 * - Where texts can't be sealed, the desk stays covered until the same person has signed in
 *   again, in this tab or another.
 * - Who signs in next at this browser sees none of it: tabs of others are loaded anew.
 * - A tab that signs out removes the texts itself, and loads the sign-in page once.
 * - A browser that keeps nothing is not covered: its text is nowhere else.
 * @module
 */

import { SIGNED_OUT } from "./repeat_request_until_outcome.js";
import { sealTexts } from "./sealed_texts.js";
import { byId } from "./status_messages_and_questions.js";

const NOBODY = "";

/**
 * @param {import("./entry_store.js").EntryStore} store
 * @param {() => void} goOn called once the person is back
 * @param {() => boolean} isLeaving whether this tab ends the session itself
 */
export function hideWhenSignedOut(store, goOn, isLeaving) {
  const dialog = byId("signed-out");
  let isHidden = false;
  const channel = globalThis.BroadcastChannel && new BroadcastChannel("stop-press-desk-person");
  document.addEventListener(SIGNED_OUT, async () => {
    if (isHidden || !store.isKept || isLeaving()) return;
    isHidden = true;
    // Only one dialog is above the cover.
    for (const open of document.querySelectorAll("dialog[open]")) /** @type {HTMLDialogElement} */ (open).close();
    document.body.classList.add("covered");
    dialog.showModal();
    await store.allWritten();
    if (!(await sealTexts(store.person))) return;
    // What other tabs write until they hear of it is sealed by their sign-in page.
    channel?.postMessage(NOBODY);
    location.reload();
  });
  // Escape closes a dialog: what is behind it stays hidden.
  dialog.addEventListener("close", () => isHidden && location.reload());
  if (!channel) return;
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
