/**
 * The form of a post: reads its fields as a draft, and fills them from one.
 *
 * Rules: nothing typed is dropped, even if it is too long or the server will refuse it;
 * members of a medium that the form does not show pass through unchanged.
 * @module
 */

import { checkLength, clearComplaints, complainAt } from "./field_errors.js";
import { skippedTime } from "./feed_time.js";
import { FIELDS, FIELD_NAMES, draftBy } from "./post_field_table.js";
import { isEqualJson } from "./draft_patch_and_three_way_merge.js";

/**
 * @typedef {import("./post_field_table.js").Draft} Draft
 * @typedef {import("./post_field_table.js").Field<any>} Field
 * @typedef {import("./post_field_table.js").Medium} Medium
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
    form.addEventListener("input", ({ target }) => {
      checkLength(/** @type {HTMLInputElement} */ (target));
      onChange();
    });
    const time = this.box("published_at");
    time?.addEventListener("change", () => {
      const skipped = skippedTime(time.value, this.#zone);
      if (skipped) complainAt(time, skipped);
    });
    form.querySelector("[data-add]")?.addEventListener("click", () => {
      this.addMedium({ type: "image" }).querySelector("select")?.focus();
    });
  }

  #form;
  #media;
  #mediumTemplate;
  #onChange;
  #zone = "UTC";

  /** The feed's time zone, in which times are written. */
  get zone() {
    return this.#zone;
  }

  set zone(zone) {
    if (zone === this.#zone) return;
    const draft = this.read();
    this.#zone = zone;
    for (const place of this.#form.querySelectorAll("[data-zone]")) place.textContent = zone;
    FIELDS.published_at.fill(this, "published_at", draft.published_at);
  }

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
    clearComplaints(this.#form);
  }

  /**
   * Attach one more; its row.
   * @param {Medium} given
   */
  addMedium(given) {
    const row = this.#addMedium(given);
    this.#onChange();
    return row;
  }

  /**
   * Put another medium into a row.
   * @param {HTMLElement} row
   * @param {Medium} given
   */
  fillMedium(row, given) {
    fillRow(row, given);
    this.#onChange();
  }

  /** @param {Medium} given */
  #addMedium(given) {
    const copy = /** @type {DocumentFragment} */ (this.#mediumTemplate.content.cloneNode(true));
    const row = /** @type {HTMLElement} */ (copy.firstElementChild);
    fillRow(row, given);
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
    this.#form.dispatchEvent(new CustomEvent("medium", { detail: row }));
    return row;
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
    complainAt(field, reason);
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
 * @param {HTMLElement} row
 * @param {Medium} given
 */
function fillRow(row, given) {
  row.dataset.given = JSON.stringify(given);
  for (const field of fieldsOf(row)) {
    field.value = given[/** @type {string} */ (field.dataset.member)] ?? "";
  }
}

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
