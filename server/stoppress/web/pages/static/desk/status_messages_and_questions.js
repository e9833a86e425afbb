/**
 * Messages on a status line, and questions that the editor must answer.
 * @module
 */

import { appendButton } from "./append_element.js";

/**
 * @typedef {import("./repeat_request_until_outcome.js").Answer} Answer
 * @typedef {{label: string, run: () => void}} Offer a button beside the message
 * @typedef {{show: (text: string, kind?: string, offer?: Offer) => void,
 *   confirm: (question: string, act: string) => Promise<boolean>,
 *   refusalText: (answer: Answer) => string}} Feedback `show`: a message on the status line.
 */

/**
 * @param {string} id
 * @returns {any}
 */
export const byId = (id) => document.getElementById(id);

/**
 * The message for a refusal.
 * @param {Answer} answer
 */
export function refusalText({ status, body }) {
  if (status === 401) return "You are signed out. Sign in in another tab, then send again.";
  if (body?.detail) return `Refused: ${body.detail}.`;
  return `Refused (status ${status}).`;
}

/**
 * @param {HTMLElement} element
 * @returns {Feedback}
 */
export const feedbackAt = (element) => ({
  refusalText,
  confirm,
  show(text, kind = "", offer) {
    element.textContent = text;
    element.dataset.kind = kind;
    if (!offer) return;
    element.append(" ");
    const button = appendButton(element, offer.label, () => {
      button.disabled = true;
      offer.run();
    });
  },
});

/**
 * Ask the editor to confirm what can't be undone.
 * @param {string} question
 * @param {string} act
 * @returns {Promise<boolean>}
 */
export async function confirm(question, act) {
  byId("confirm-question").textContent = question;
  byId("confirm-act").textContent = act;
  return (await answerOf(byId("confirm"))) === "yes";
}

/**
 * Show a dialog; the value of the button that closed it, "" for Escape.
 * @param {HTMLDialogElement} dialog
 * @returns {Promise<string>}
 */
export function answerOf(dialog) {
  dialog.returnValue = "";
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => resolve(dialog.returnValue), { once: true });
  });
}
