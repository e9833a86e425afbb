/**
 * How a change is told to readers: quietly, or as a correction with a note under the post.
 *
 * Rule: a note that was written stays while the editor tries the other choice.
 * @module
 */

export class CorrectionChoice {
  /**
   * @param {HTMLElement} group with the two choices and the note's field
   * @param {() => void} onChange
   */
  constructor(group, onChange) {
    this.#group = group;
    this.#note = /** @type {HTMLTextAreaElement} */ (group.querySelector('[name="correction"]'));
    for (const choice of this.#choices) {
      choice.addEventListener("change", () => {
        this.#choose(choice.value === "correction");
        onChange();
        if (choice.value === "correction") this.#note.focus();
      });
    }
  }

  #group;
  #note;
  #written = "";

  get #choices() {
    return /** @type {HTMLInputElement[]} */ ([...this.#group.querySelectorAll('[type="radio"]')]);
  }

  /**
   * An entry was opened: a post that has a note keeps it.
   * @param {boolean} isChange
   */
  show(isChange) {
    this.#group.hidden = !isChange;
    this.#written = "";
    this.#choose(this.#note.value !== "");
  }

  /** @param {boolean} isCorrection */
  #choose(isCorrection) {
    for (const choice of this.#choices) choice.checked = (choice.value === "correction") === isCorrection;
    /** @type {HTMLElement} */ (this.#note.closest("label")).hidden = !isCorrection;
    if (isCorrection) this.#note.value ||= this.#written;
    else {
      this.#written = this.#note.value;
      this.#note.value = "";
    }
  }
}
