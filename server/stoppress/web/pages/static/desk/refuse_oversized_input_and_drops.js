/**
 * What enters the composer: whole, or not at all, and then it says so.
 *
 * Rules:
 * - A field longer than its limit keeps the text, says by how much, and is not sent.
 * - A paste or drop larger than any post is refused before it enters: a text of megabytes
 *   would stop the page.
 * - A file dropped anywhere on the desk must not make the browser leave the page.
 * @module
 */

/** Characters of a paste; a post's request holds 64 KiB. */
export const MAX_PASTE = 60_000;

/**
 * How a field is too long; "" if it is not.
 * @param {HTMLInputElement | HTMLTextAreaElement} field
 */
export function excess(field) {
  const limit = Number(field.dataset.max);
  // A surrogate pair is one character, as the server counts.
  const length = limit && field.value.length > limit ? [...field.value].length : 0;
  return length > limit ? `has ${length} characters; ${limit} is the limit` : "";
}

/**
 * Refuse pastes and drops that can't be kept.
 * @param {HTMLElement} page
 * @param {(field: HTMLElement, reason: string) => void} refuse
 */
export function guardPastes(page, refuse) {
  /** @type {(event: Event, data: DataTransfer | null) => void} */
  const check = (event, data) => {
    const field = event.target;
    if (event.defaultPrevented || !data || !(field instanceof HTMLElement) || !field.matches("input, textarea")) return;
    // A paste may bring a picture of its text too: the text is what is meant.
    if (data.files.length && (event.type === "drop" || !data.getData("text/plain"))) {
      event.preventDefault();
      refuse(field, "takes text only: add a picture where you write the post");
      return;
    }
    const { length } = data.getData("text/plain");
    if (length <= MAX_PASTE) return;
    event.preventDefault();
    const sizes = `${length.toLocaleString("en")} characters; a post holds ${MAX_PASTE.toLocaleString("en")}`;
    refuse(field, `was not changed: the pasted text has ${sizes}`);
  };
  page.addEventListener("paste", (event) => check(event, event.clipboardData));
  page.addEventListener("drop", (event) => check(event, event.dataTransfer));
}

/**
 * Keep the browser on the page when a file is dropped beside a field.
 * @param {(reason: string) => void} refuse
 */
export function guardPage(refuse) {
  document.addEventListener("dragover", (/** @type {DragEvent} */ event) => {
    if (event.dataTransfer?.types.includes("Files")) event.preventDefault();
  });
  document.addEventListener("drop", (/** @type {DragEvent} */ event) => {
    if (!event.dataTransfer?.files.length || event.defaultPrevented) return;
    event.preventDefault();
    refuse("A file can't be dropped here. Drop a picture where you write the post.");
  });
}
