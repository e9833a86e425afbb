/**
 * Complaints at the fields of a form: what is wrong, beside the field, read out with it.
 * @module
 */

import { excess } from "./refuse_oversized_input_and_drops.js";

/**
 * @param {HTMLElement} field
 * @param {string} reason
 */
export function complainAt(field, reason) {
  clearComplaint(field);
  const text = document.createElement("p");
  text.className = "complaint";
  text.id = `complaint-${field.getAttribute("name") ?? field.dataset.member}`;
  text.textContent = reason;
  field.setAttribute("aria-invalid", "true");
  field.setAttribute("aria-describedby", text.id);
  field.closest("label, .field")?.append(text);
  const part = field.closest("details");
  if (part) part.open = true;
}

/** @param {HTMLElement} field */
export function clearComplaint(field) {
  field.closest("label, .field")?.querySelector(".complaint")?.remove();
  field.removeAttribute("aria-invalid");
  field.removeAttribute("aria-describedby");
}

/** @param {HTMLFormElement} form */
export function clearComplaints(form) {
  for (const field of form.querySelectorAll("[aria-invalid]")) {
    clearComplaint(/** @type {HTMLElement} */ (field));
  }
}

/**
 * Complain at every field that is too long or half filled, and move to the first; whether
 * none is. Of a time without its day, or a number with letters, the browser tells no value.
 * @param {HTMLFormElement} form
 */
export function checkFields(form) {
  clearComplaints(form);
  const fields = /** @type {HTMLInputElement[]} */ ([...form.querySelectorAll("input, textarea")]);
  const complaint = (/** @type {HTMLInputElement} */ field) =>
    field.validity.badInput ? "is not complete: fill in all of it, or clear it" : "max" in field.dataset ? excess(field) : "";
  const wrong = fields.filter(complaint);
  for (const field of wrong) complainAt(field, complaint(field));
  wrong[0]?.focus();
  return !wrong.length;
}

/**
 * Say of a field that it is too long, while it is.
 * @param {HTMLInputElement} field
 */
export function checkLength(field) {
  const reason = excess(field);
  if (reason) complainAt(field, reason);
  else if (field.hasAttribute("aria-invalid")) clearComplaint(field);
}
