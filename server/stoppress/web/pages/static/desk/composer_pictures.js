/**
 * Pictures in the composer: from a button, the camera, the clipboard or a drop.
 *
 * Rules:
 * - A picture is a row of the form at once, and asks what it shows; it is uploaded
 *   meanwhile. What is wrong with it is said in its row, and the text stays as it is.
 * - Without a connection it waits in the browser, and goes before its post (`outbox.js`).
 * @module
 */

import { appendElement } from "./append_element.js";
import { complainAt } from "./field_errors.js";
import { forgetPicture, keepPicture, keptPicture, waitingId, waitingUrl } from "./picture_store.js";
import { ROOT, isUnknown, newIdempotencyKey } from "./repeat_request_until_outcome.js";
import { uploadOnce, uploadedMember } from "./upload_one_or_all_entry_pictures.js";

/**
 * @typedef {{add: (medium: any) => HTMLElement, changed: () => void, feed: () => string,
 *   entryId: () => string, person: string}} PictureForm `add`: makes a row; `changed`: a row was changed.
 */

const TYPES = /^image\/(jpeg|png|webp|gif|avif)$/;
/** Such as phones and scanners make; not every browser knows the type of a HEIC file. */
const OTHER_PICTURE = /^image\//;
const OTHER_NAME = /\.(hei[cf]|tiff?|dng|jxl)$/i;
const TAKEN = "use JPEG, PNG, WebP, GIF or AVIF";
const RETRY_MS = 15_000;

export class PictureUpload {
  /**
   * @param {HTMLFormElement} root
   * @param {PictureForm} form
   */
  constructor(root, form) {
    this.#form = form;
    this.#most = Number(root.dataset.mediaBytes);
    this.#status = /** @type {HTMLElement} */ (root.querySelector("[data-picture-status]"));
    for (const button of root.querySelectorAll("[data-choose]")) {
      const { choose } = /** @type {HTMLElement} */ (button).dataset;
      const input = /** @type {HTMLElement} */ (root.querySelector(`[data-picture="${choose}"]`));
      button.addEventListener("click", () => input.click());
    }
    for (const input of root.querySelectorAll("[data-picture]")) {
      const files = /** @type {HTMLInputElement} */ (input);
      files.addEventListener("change", () => {
        this.#take([...(files.files ?? [])]);
        files.value = "";
      });
    }
    /** @type {(event: Event, data: DataTransfer | null) => void} */
    const take = (event, data) => {
      const files = [...(data?.files ?? [])];
      // A copied text may bring a picture of itself: the text is what is meant.
      if (!files.length || (event.type === "paste" && data?.getData("text/plain"))) return;
      event.preventDefault();
      this.#take(files);
    };
    root.addEventListener("paste", (event) => take(event, event.clipboardData));
    root.addEventListener("drop", (event) => take(event, event.dataTransfer));
    // Why a picture is not with the text before is no news of the next one.
    root.addEventListener("entry", () => {
      if (this.#complainedOf !== form.entryId()) this.#say("");
    });
    root.addEventListener("medium", (event) => this.#resume(/** @type {any} */ (event).detail));
  }

  #form;
  #most;
  #status;
  /** The entry for whose pictures the complaint is. */ #complainedOf = "";

  /** @param {string} complaint */
  #say(complaint) {
    this.#complainedOf = this.#form.entryId();
    this.#status.textContent = complaint;
  }

  /** @param {File[]} files */
  #take(files) {
    this.#say("");
    for (const file of files) {
      const reason = this.#unfit(file);
      if (reason) this.#say(`${this.#status.textContent} ${reason}`.trim());
      else this.#add(file);
    }
  }

  /** @param {File} file */
  #unfit({ name, type, size }) {
    const called = name ? `“${name}”` : "The file";
    if (type === "image/svg+xml") return `${called} was not added: SVG may hold scripts; export it as PNG.`;
    if (!TYPES.test(type) && (OTHER_PICTURE.test(type) || OTHER_NAME.test(name))) {
      return `${called} was not added: browsers don't show that kind of picture; export it as JPEG.`;
    }
    if (!TYPES.test(type)) return `${called} was not added: it is no picture; ${TAKEN}.`;
    if (!this.#most) return "This server takes no pictures: attach one by its address.";
    if (size <= this.#most) return "";
    const [is, most] = [size, this.#most].map((bytes) => (bytes / 1e6).toFixed(1));
    return `${called} was not added: it has ${is} MB, and ${most} MB is the limit; make it smaller.`;
  }

  /**
   * In the same turn as the paste, so that what is typed next says what the picture shows.
   * @param {File} file
   */
  #add(file) {
    const id = newIdempotencyKey();
    keepPicture({ id, blob: file, name: file.name });
    const row = this.#form.add({ type: "image", url: waitingUrl(id) });
    const part = row.closest("details");
    if (part) part.open = true;
    member(row, "alt").focus();
    row.scrollIntoView({ block: "nearest" });
  }

  /**
   * A row was drawn: show what waits in it, and upload it.
   * @param {HTMLElement} row
   */
  async #resume(row) {
    const { value } = member(row, "url");
    const id = waitingId(value);
    if (value.startsWith("/media/")) {
      row.classList.add("uploaded");
      showPicture(row, `${ROOT}${value}/480`);
    }
    if (!id) return;
    row.classList.add("uploaded");
    const picture = await keptPicture(id);
    const status = appendElement(row, "p", "wide upload");
    status.setAttribute("role", "status");
    if (!picture) {
      status.textContent = "The picture is not in this browser any more: remove it, and add it again.";
      return;
    }
    const address = URL.createObjectURL(picture.blob);
    const shown = showPicture(row, address);
    shown.onload = shown.onerror = () => URL.revokeObjectURL(address);
    while (row.isConnected && waitingId(member(row, "url").value) === id) {
      const answer = await uploadOnce(this.#form.feed(), picture, this.#form.person, (share) => {
        status.textContent = share < 1 ? `Uploading… ${Math.round(share * 100)} %` : "Being made ready…";
      });
      // Another row may be in its place: then it goes with its post.
      if (!row.isConnected) return;
      if (answer.status === 200 || answer.status === 201) return this.#finish(row, id, answer.body, status);
      if (!isUnknown(answer) && answer.status !== 401) {
        status.textContent = "";
        complainAt(member(row, "alt"), `was not uploaded: ${answer.body?.detail ?? `status ${answer.status}`}. Remove it, and add another.`);
        return;
      }
      status.textContent = "Not uploaded yet. The picture is kept, and goes before its post.";
      await new Promise((resolve) => setTimeout(resolve, (answer.waitS ?? 0) * 1000 || RETRY_MS));
    }
  }

  /**
   * @param {HTMLElement} row
   * @param {string} id
   * @param {any} picture
   * @param {HTMLElement} status
   */
  #finish(row, id, picture, status) {
    for (const [name, value] of Object.entries(uploadedMember(picture))) {
      member(row, name).value = String(value);
    }
    status.textContent = picture.note ? `Uploaded: ${picture.note}.` : "Uploaded.";
    forgetPicture(id);
    this.#form.changed();
  }
}

/**
 * @param {HTMLElement} row
 * @param {string} address
 */
function showPicture(row, address) {
  const shown = document.createElement("img");
  Object.assign(shown, { alt: "", src: address });
  row.prepend(shown);
  return shown;
}

/**
 * @param {HTMLElement} row
 * @param {string} name
 */
const member = (row, name) => /** @type {HTMLInputElement} */ (row.querySelector(`[data-member="${name}"]`));
