/**
 * The form of a post: reads its fields as a draft, and fills them from one.
 *
 * Rules: nothing typed is dropped, even if the server will refuse it; members of a
 * medium that the form does not show pass through unchanged.
 * @module
 */

import { FIELDS, FIELD_NAMES, draftBy } from "./post_fields.js";
import { isEqualJson } from "./three_way_merge.js";

/**
 * @typedef {import("./post_fields.js").Draft} Draft
 * @typedef {import("./post_fields.js").Field<any>} Field
 * @typedef {import("./post_fields.js").Medium} Medium
 */

export class PostForm {
  /**
   * @param {HTMLFormElement} form
   * @param {() => void} onChange called after any change
   */
  constructor(form, onChange) {
    this.#form = form;
    this.#media = /** @type {HTMLElement} */ (form.querySelector("[data-media]"));
    this.#mediumTemplate = /** @type {HTMLTemplateElement} */ (form.querySelector("template"));
    this.#onChange = onChange;
    form.addEventListener("input", onChange);
    form.querySelector("[data-add]")?.addEventListener("click", () => {
      const row = this.#addMedium({ type: "image" });
      onChange();
      row.querySelector("select")?.focus();
    });
  }

  #form;
  #media;
  #mediumTemplate;
  #onChange;

  /**
   * The control of a field.
   * @param {string} name
   */
  box(name) {
    return /** @type {HTMLInputElement} */ (this.#form.elements.namedItem(name));
  }

  /** What is attached, a row each. */
  get media() {
    return [...this.#media.children].map(readMedium);
  }

  /** @param {Medium[]} media */
  set media(media) {
    if (isEqualJson(this.media, media)) return;
    this.#media.replaceChildren();
    media.forEach((each) => this.#addMedium(each));
  }

  /** @returns {Draft} */
  read() {
    return draftBy((field, name) => field.read(this, name));
  }

  /** @param {Draft} draft */
  fill(draft) {
    for (const name of FIELD_NAMES) {
      const field = /** @type {Field} */ (FIELDS[name]);
      field.fill(this, name, draft[name]);
    }
    for (const part of this.#form.querySelectorAll("details")) {
      // Filled fields must be visible.
      part.open ||= [...part.querySelectorAll("input, textarea, select")].some(
        (field) => /** @type {HTMLInputElement} */ (field).value && !field.matches("[data-free]"),
      );
    }
    this.clearComplaints();
  }

  /** @param {Medium} given */
  #addMedium(given) {
    const copy = /** @type {DocumentFragment} */ (this.#mediumTemplate.content.cloneNode(true));
    const row = /** @type {HTMLElement} */ (copy.firstElementChild);
    row.dataset.given = JSON.stringify(given);
    for (const field of fieldsOf(row)) {
      field.value = given[/** @type {string} */ (field.dataset.member)] ?? "";
    }
    const kind = /** @type {HTMLSelectElement} */ (row.querySelector("select"));
    const show = () => {
      for (const label of row.querySelectorAll("[data-for]")) {
        const kinds = /** @type {HTMLElement} */ (label).dataset.for?.split(" ") ?? [];
        /** @type {HTMLElement} */ (label).hidden = !kinds.includes(kind.value);
      }
    };
    kind.addEventListener("change", show);
    show();
    row.querySelector("[data-remove]")?.addEventListener("click", () => {
      row.remove();
      this.#onChange();
      /** @type {HTMLElement} */ (this.#form.querySelector("[data-add]")).focus();
    });
    this.#media.append(row);
    return row;
  }

  /** Remove all complaints. */
  clearComplaints() {
    for (const each of this.#form.querySelectorAll(".complaint")) each.remove();
    for (const each of this.#form.querySelectorAll("[aria-invalid]")) {
      each.removeAttribute("aria-invalid");
      each.removeAttribute("aria-describedby");
    }
  }

  /**
   * Show at a field what is wrong with it. False if the form has no such field.
   * @param {string} path such as `authors[0].url`
   * @param {string} reason
   * @returns {boolean}
   */
  showComplaint(path, reason) {
    const field = this.#fieldAt(path);
    if (!field) return false;
    const text = document.createElement("p");
    text.className = "complaint";
    text.id = "complaint";
    text.textContent = reason;
    field.setAttribute("aria-invalid", "true");
    field.setAttribute("aria-describedby", text.id);
    field.closest("label, .field")?.append(text);
    for (let part = field.closest("details"); part; part = null) part.open = true;
    field.focus();
    return true;
  }

  /**
   * @param {string} path
   * @returns {HTMLElement | null}
   */
  #fieldAt(path) {
    const [, index, member] = path.match(/^media\[(\d+)\](?:\.(\w+))?/) ?? [];
    if (index) {
      const row = this.#media.children[Number(index)];
      const one = row?.querySelector(`[data-member="${member ?? "type"}"]`);
      return /** @type {HTMLElement | null} */ (one?.closest("label[hidden]") ? null : one);
    }
    const name = path.replace(/\[.*|\.(name|note)$/, "");
    const field = this.#form.elements.namedItem(name.replace(".", "-"));
    return field instanceof HTMLElement ? field : null;
  }

  /** Move to the first field. */
  focus() {
    this.box("headline").focus();
  }
}

/** @param {Element} row */
const fieldsOf = (row) =>
  /** @type {HTMLInputElement[]} */ ([...row.querySelectorAll("[data-member]")]);

/**
 * @param {Element} row
 * @returns {Medium}
 */
function readMedium(row) {
  const fields = fieldsOf(row).filter((field) => !field.closest("label[hidden]"));
  const shown = fields.map((field) => {
    const text = field.value.trim();
    return [field.dataset.member, field.type === "number" && text ? Number(text) : text];
  });
  const given = JSON.parse(/** @type {HTMLElement} */ (row).dataset.given ?? "{}");
  const now = Object.fromEntries(shown);
  // With another type it is another medium.
  const all = given.type === now.type ? { ...given, ...now } : now;
  return Object.fromEntries(Object.entries(all).filter(([, value]) => value !== ""));
}
