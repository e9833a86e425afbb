/**
 * What the composer's title and buttons are called, and what it says of an entry that is opened. Pure.
 * @module
 */

import { needsDecision } from "./outbox_entry.js";

/**
 * The labels, each by the part of the composer that has it.
 * @param {import("./outbox_entry.js").Entry} entry
 */
export const composerLabels = ({ base, shared }) => ({
  title: base ? `Change a post (revision ${base.rev})` : shared ? "A draft of the desk" : "New post",
  send: base ? "Save the change" : "Publish",
  discard: base ? "Leave without saving" : "Discard",
});

/**
 * What the editor has to know of an entry that is opened; "" if nothing.
 * @param {import("./outbox_entry.js").Entry} entry
 */
export function openedNotice(entry) {
  if (entry.attempt) return "The last try was not confirmed. Send it again: it can't appear twice.";
  return needsDecision(entry) ? "This needs your decision before it can be sent." : "";
}
