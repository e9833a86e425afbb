/**
 * The form of a post: reads its fields as a draft, and fills them from one.
 *
 * Rules: nothing typed is dropped, even if the server will refuse it; members of a
 * medium that the form does not show pass through unchanged.
 * @module
 */

import { EMPTY_DRAFT, isEqualJson } from "./three_way_merge.js";

/** @typedef {import("./three_way_merge.js").Draft} Draft */

/** The form's field for a problem's `field`, if it has another name. */
const FIELD_NAMES = { "correction.note": "correction" };

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

  /** @param {string} name */
  #field(name) {
    return /** @type {HTMLInputElement} */ (this.#form.elements.namedItem(name));
  }

  /** @param {string} name */
  #text(name) {
    return this.#field(name).value.trim();
  }

  /** @returns {Draft} */
  read() {
    const note = this.#text("correction");
    const source = given({ name: this.#text("source"), url: this.#text("source-url") });
    return {
      ...EMPTY_DRAFT,
      headline: this.#text("headline") || null,
      body: this.#field("body").value.trimEnd(),
      key: this.#field("key").checked,
      breaking: this.#field("breaking").checked,
      pinned: this.#field("pinned").checked,
      tags: splitList(this.#text("tags"), ","),
      authors: splitList(this.#text("authors"), "\n").map(parseAuthor),
      source: source && { name: "", ...source },
      media: [...this.#media.children].map(readMedium),
      language: this.#text("language") || null,
      direction: this.#text("direction") || null,
      correction: note ? { note } : null,
    };
  }

  /** @param {Draft} draft */
  fill(draft) {
    const texts = {
      headline: draft.headline,
      body: draft.body,
      tags: draft.tags.join(", "),
      authors: draft.authors.map(({ name, url }) => (url ? `${name} ${url}` : name)).join("\n"),
      source: draft.source?.name,
      "source-url": draft.source?.url,
      language: draft.language,
      direction: draft.direction,
      correction: draft.correction?.note,
    };
    for (const [name, text] of Object.entries(texts)) this.#field(name).value = text ?? "";
    for (const name of /** @type {const} */ (["key", "breaking", "pinned"])) {
      this.#field(name).checked = draft[name];
    }
    if (!isEqualJson([...this.#media.children].map(readMedium), draft.media)) {
      this.#media.replaceChildren();
      draft.media.forEach((each) => this.#addMedium(each));
    }
    for (const part of this.#form.querySelectorAll("details")) {
      // Filled fields must be visible.
      part.open ||= [...part.querySelectorAll("input, textarea, select")].some(
        (field) => /** @type {HTMLInputElement} */ (field).value && !field.matches("[data-free]"),
      );
    }
    this.clearComplaints();
  }

  /** @param {{[member: string]: any}} given */
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
    const name = /** @type {any} */ (FIELD_NAMES)[path] ?? path.replace(/\[.*|\.name$/, "");
    const field = this.#form.elements.namedItem(name.replace(".", "-"));
    return field instanceof HTMLElement ? field : null;
  }

  /** Move to the first field. */
  focus() {
    this.#field("headline").focus();
  }
}

/** @param {Element} row */
const fieldsOf = (row) =>
  /** @type {HTMLInputElement[]} */ ([...row.querySelectorAll("[data-member]")]);

/**
 * @param {Element} row
 * @returns {{[member: string]: any}}
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

/**
 * @param {string} line a name, optionally followed by an address
 * @returns {{name: string, url?: string}}
 */
function parseAuthor(line) {
  const [, name, url] = line.match(/^(.*?)\s+((?:https?:\/)?\/\S+)$/) ?? [];
  return url ? { name, url } : { name: line };
}

/**
 * @param {string} text
 * @param {string} mark
 * @returns {string[]}
 */
const splitList = (text, mark) =>
  text.split(mark).map((part) => part.trim()).filter(Boolean);

/**
 * @param {{[member: string]: string}} members
 * @returns {any} only the members that are not empty; null if all are
 */
function given(members) {
  const some = Object.entries(members).filter(([, text]) => text);
  return some.length ? Object.fromEntries(some) : null;
}
