/**
 * The parts of the desk on a narrow screen, one at a time, and its dialogs.
 * @module
 */

import { byId } from "./status_messages_and_questions.js";

/**
 * On a narrow screen show one part; on a wide one all stand side by side.
 * @param {"queue" | "write" | "list"} name
 */
export function showView(name) {
  const desk = byId("desk");
  desk.dataset.view = name;
  for (const button of desk.querySelectorAll(".switch button")) {
    button.setAttribute("aria-pressed", String(button.dataset.view === name));
  }
}

/** Set up the switch of a narrow screen, and the buttons that open and close dialogs. */
export function setUpViews() {
  for (const button of byId("desk").querySelectorAll(".switch button")) {
    button.addEventListener("click", () => showView(button.dataset.view));
  }
  byId("open-tools").addEventListener("click", () => {
    const isOpen = byId("open-tools").parentElement.toggleAttribute("data-open");
    byId("open-tools").setAttribute("aria-expanded", String(isOpen));
  });
  for (const name of ["settings", "make", "keys"]) {
    byId(`open-${name}`).addEventListener("click", () => byId(name).showModal());
  }
  for (const button of document.querySelectorAll("[data-close]")) {
    button.addEventListener("click", () => button.closest("dialog")?.close());
  }
}
