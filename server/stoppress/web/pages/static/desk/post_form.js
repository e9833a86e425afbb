/**
 * The form of a post: what is typed as a draft, and a draft as what is typed.
 *
 * Rules: nothing typed is dropped on the way, even if the server will refuse it;
 * members of a medium that the form does not show pass through untouched.
 * @module
 */

import { EMPTY, same } from "./three_way_merge.js";

/** @typedef {import("./three_way_merge.js").Draft} Draft */

/** Where a problem's field (`authors[0].url`) is shown, if not under its own name. */
const PLACES = { "correction.note": "correction" };

export class PostForm {
  /**
   * @param {HTMLFormElement} form
   * @param {() => void} onChange after anything was typed, added or removed
   */
  constructor(form, onChange) {
    this.#form = form;
    this.#media = /** @type {HTMLElement} */ (form.querySelector("[data-media]"));
    this.#row = /** @type {HTMLTemplateElement} */ (form.querySelector("template"));
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
  #row;
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
      ...EMPTY,
      headline: this.#text("headline") || null,
      body: this.#field("body").value.trimEnd(),
      key: this.#field("key").checked,
      breaking: this.#field("breaking").checked,
      pinned: this.#field("pinned").checked,
      tags: parts(this.#text("tags"), ","),
      authors: parts(this.#text("authors"), "\n").map(author),
      source: source && { name: "", ...source },
      media: [...this.#media.children].map(medium),
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
    if (!same([...this.#media.children].map(medium), draft.media)) {
      this.#media.replaceChildren();
      draft.media.forEach((each) => this.#addMedium(each));
    }
    for (const part of this.#form.querySelectorAll("details")) {
      // What is filled in must be seen.
      part.open ||= [...part.querySelectorAll("input, textarea, select")].some(
        (field) => /** @type {HTMLInputElement} */ (field).value && !field.matches("[data-free]"),
      );
    }
    this.clear();
  }

  /** @param {{[member: string]: any}} given */
  #addMedium(given) {
    const copy = /** @type {DocumentFragment} */ (this.#row.content.cloneNode(true));
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

  /** Take all complaints back. */
  clear() {
    for (const each of this.#form.querySelectorAll(".complaint")) each.remove();
    for (const each of this.#form.querySelectorAll("[aria-invalid]")) {
      each.removeAttribute("aria-invalid");
      each.removeAttribute("aria-describedby");
    }
  }

  /**
   * Say at the field what is wrong with it. False if no field goes by that name.
   * @param {string} path such as `authors[0].url`
   * @param {string} reason
   * @returns {boolean}
   */
  complain(path, reason) {
    const field = this.#find(path);
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
  #find(path) {
    const [, index, member] = path.match(/^media\[(\d+)\](?:\.(\w+))?/) ?? [];
    if (index) {
      const row = this.#media.children[Number(index)];
      const one = row?.querySelector(`[data-member="${member ?? "type"}"]`);
      return /** @type {HTMLElement | null} */ (one?.closest("label[hidden]") ? null : one);
    }
    const name = /** @type {any} */ (PLACES)[path] ?? path.replace(/\[.*|\.name$/, "");
    const field = this.#form.elements.namedItem(name.replace(".", "-"));
    return field instanceof HTMLElement ? field : null;
  }

  /** Ready for the first word. */
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
function medium(row) {
  const fields = fieldsOf(row).filter((field) => !field.closest("label[hidden]"));
  const shown = fields.map((field) => {
    const text = field.value.trim();
    return [field.dataset.member, field.type === "number" && text ? Number(text) : text];
  });
  const given = JSON.parse(/** @type {HTMLElement} */ (row).dataset.given ?? "{}");
  const now = Object.fromEntries(shown);
  // Of another kind, it is another medium.
  const all = given.type === now.type ? { ...given, ...now } : now;
  return Object.fromEntries(Object.entries(all).filter(([, value]) => value !== ""));
}

/**
 * @param {string} line a name, and an address after it if there is one
 * @returns {{name: string, url?: string}}
 */
function author(line) {
  const [, name, url] = line.match(/^(.*?)\s+((?:https?:\/)?\/\S+)$/) ?? [];
  return url ? { name, url } : { name: line };
}

/**
 * @param {string} text
 * @param {string} mark
 * @returns {string[]}
 */
const parts = (text, mark) =>
  text.split(mark).map((part) => part.trim()).filter(Boolean);

/**
 * @param {{[member: string]: string}} members
 * @returns {any} only what is not empty; null if all is
 */
function given(members) {
  const some = Object.entries(members).filter(([, text]) => text);
  return some.length ? Object.fromEntries(some) : null;
}
