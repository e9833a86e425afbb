/**
 * Signing out: what this person wrote and did not publish goes to the server as drafts, and
 * nothing of the person's stays in this browser.
 *
 * Rules:
 * - An entry leaves the browser once the server has its text. What may be out already is
 *   left to the outbox first, for a bounded time, and is never sent from here.
 * - Nothing is published, and no text that others rely on is replaced: a changed text of a
 *   draft that is handed in, approved or scheduled, or that someone else changed meanwhile,
 *   becomes a draft of its own.
 * - If something can't be uploaded, the person decides: stay, or delete it; so with templates
 *   and notes that the server has not taken.
 * - The sign-out request is the last step; the other tabs are loaded anew after it.
 * @module
 */

import { appendElement } from "./append_element.js";
import { addComment, hasComment } from "./draft_comments.js";
import { asNewPost, entryTitle, isUntouched, withPictures } from "./outbox_entry.js";
import { keptList } from "./unsent_lists_in_local_storage.js";
import { forgetPicturesExcept } from "./picture_store.js";
import { sendNotes, waitingNotesName } from "./fetch_keep_and_send_post_notes.js";
import { isUnknown, sendOnce } from "./repeat_request_until_outcome.js";
import { saveDraft } from "./shared_drafts.js";
import { byId, refusalText } from "./status_messages_and_questions.js";
import { sendTemplates, waitingTemplatesName } from "./text_templates.js";
import { unsavedFormsName } from "./unsaved_feed_forms.js";
import { draftOf, isEqualJson } from "./draft_patch_and_three_way_merge.js";
import { uploadPictures } from "./upload_one_or_all_entry_pictures.js";

/**
 * @typedef {import("./outbox_entry.js").Entry} Entry
 * @typedef {import("./repeat_request_until_outcome.js").Answer} Answer
 * @typedef {{title: string, reason: string}} Kept what can't be uploaded, and why
 * @typedef {{store: import("./entry_store.js").EntryStore,
 *   composer?: import("./composer.js").Composer, outbox: import("./outbox.js").Outbox,
 *   leave: () => void}} Parts `leave`: stop writing to this browser's storage
 */

const SETTLE_MS = 10_000;
/** How long the outbox may take to settle what is on its way. */
const ON_ITS_WAY = "To be published: it may be out already, and if not, goes out once the server answers.";
const UNCONFIRMED = "It may be out already. Publish it again to learn it: it can't appear twice.";

/** @param {Parts} parts */
export function setUpSigningOut(parts) {
  const dialog = byId("leaving");
  let isUnderWay = false;
  /** @param {HTMLFormElement} form */
  const leave = async (form) => {
    if (isUnderWay) return;
    isUnderWay = true;
    try {
      if (await isDecided(parts, dialog)) await signOut(parts, form, dialog);
    } finally {
      isUnderWay = false;
    }
  };
  for (const form of document.querySelectorAll("form[data-leaves]")) {
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      leave(/** @type {HTMLFormElement} */ (form));
    });
    // The desk's own waits for this: sent before, it would leave the texts behind.
    for (const button of form.querySelectorAll("button")) button.disabled = false;
  }
  parts.store.onSignOut(() => {
    parts.leave();
    removeWhenLeft(parts.store.person);
    location.reload();
  });
}

/**
 * Upload what there is; whether to sign out now.
 * @param {Parts} parts
 * @param {HTMLDialogElement} dialog
 */
async function isDecided(parts, dialog) {
  const { store } = parts;
  if (!unsent(store).length && !localTexts(store.person).length) return true;
  /** @type {Promise<string>} */
  const answer = new Promise((resolve) => {
    dialog.addEventListener("close", () => resolve(dialog.returnValue), { once: true });
  });
  show("Your texts are being saved as drafts…", []);
  dialog.returnValue = "";
  dialog.showModal();
  const texts = await uploadAll(parts, () => dialog.open);
  await sendNotes(store.person);
  await sendTemplates(store.person);
  // Now, as a text that went out meanwhile may have left its notes.
  const kept = [...texts, ...localTexts(store.person)];
  if (!dialog.open) return false;
  if (!kept.length) {
    dialog.close("delete");
    return true;
  }
  show("Not saved on the server, and in this browser alone:", kept);
  byId("leaving-acts").querySelector("button").focus();
  return (await answer) === "delete";
}

/**
 * @param {string} text
 * @param {Kept[]} kept
 */
function show(text, kept) {
  byId("leaving-status").textContent = text;
  const list = byId("leaving-list");
  list.replaceChildren();
  for (const { title, reason } of kept) {
    const row = appendElement(list, "li", "");
    appendElement(row, "strong", "", title).dir = "auto";
    appendElement(row, "span", "hint", reason);
  }
  byId("leaving-acts").hidden = !kept.length;
}

/**
 * Delete what is left of the person here, and end the session.
 * @param {Parts} parts
 * @param {HTMLFormElement} form
 * @param {HTMLDialogElement} dialog
 */
async function signOut({ store, composer, leave }, form, dialog) {
  leave();
  const others = await store.removeAll();
  composer?.startNew();
  await forgetPicturesExcept(others);
  removeItemsOf(store.person);
  try {
    // From here, as the other tabs must not ask for the page before the session has ended.
    const answer = await fetch(form.action, { method: "POST", body: new URLSearchParams(/** @type {any} */ (new FormData(form))) });
    if (!answer.ok) throw new Error(`status ${answer.status}`);
  } catch {
    show("The server can't be reached: you are still signed in. Nothing you wrote is in this browser any more.", []);
    byId("leaving-acts").hidden = false;
    byId("leaving-acts").querySelector(".danger").hidden = true;
    dialog.showModal();
    dialog.addEventListener("close", () => location.reload(), { once: true });
    return;
  }
  store.tellSignOut();
  removeWhenLeft(store.person);
  location.assign(form.action.replace(/\/sign-out$/, ""));
}

/** @param {import("./entry_store.js").EntryStore} store */
const unsent = (store) =>
  store.all().filter((entry) => entry.state !== "out" && (entry.shared || !isUntouched(entry)));

/** @param {Entry} entry */
const mayBeOut = ({ state, attempt }) => state === "queued" || attempt !== null;

/**
 * Upload every text that is surely not out; what could not be uploaded.
 * @param {Parts} parts
 * @param {() => boolean} goesOn
 * @returns {Promise<Kept[]>}
 */
async function uploadAll({ store, composer, outbox }, goesOn) {
  outbox.hurry();
  await untilSettled(store, goesOn);
  /** @type {Kept[]} */ const kept = [];
  /** @type {Answer | null} Once no answer comes, none is waited for again. */ let away = null;
  for (const entry of unsent(store)) {
    if (!goesOn()) break;
    const title = entryTitle(entry);
    if (mayBeOut(entry)) {
      kept.push({ title, reason: entry.state === "queued" ? ON_ITS_WAY : UNCONFIRMED });
      continue;
    }
    /** @type {Answer} */ const answer = away ?? (await uploadEntry(entry));
    if (answer.status === 200 || answer.status === 201) {
      if (composer?.entryId === entry.id) await composer.finish();
      else await store.remove(entry.id);
      continue;
    }
    if (isUnknown(answer)) away = answer;
    kept.push({ title, reason: away ? "The server can't be reached now." : refusalText(answer) });
  }
  return kept;
}

/**
 * Wait until the outbox has settled what may be out, or for as long as it may take.
 * @param {import("./entry_store.js").EntryStore} store
 * @param {() => boolean} goesOn
 * @returns {Promise<void>}
 */
function untilSettled(store, goesOn) {
  const isSettled = () => !goesOn() || !unsent(store).some(mayBeOut);
  return new Promise((resolve) => {
    const end = () => {
      clearTimeout(timer);
      forget();
      resolve();
    };
    const timer = setTimeout(end, navigator.onLine ? SETTLE_MS : 0);
    const forget = store.onChange(() => isSettled() && end());
    if (isSettled()) end();
  });
}

/**
 * Save an entry as a draft of its feed, its pictures first; 200 or 201: it is there.
 * @param {Entry} entry
 * @returns {Promise<Answer>}
 */
export async function uploadEntry(entry) {
  if (hasComment(entry)) {
    const added = await addComment(entry);
    if (added.status !== 200 && added.status !== 201) return added;
  }
  const { uploaded, answer } = await uploadPictures(entry);
  if (answer) return answer;
  const whole = withPictures(entry, uploaded);
  if (!whole.shared) return saveDraft(asUnpublished(whole), "draft");
  const { id, base } = whole.shared;
  const path = `/v1/feeds/${entry.feed}/drafts/${id}`;
  const there = await sendOnce({ method: "GET", path, person: entry.person });
  if (isUnknown(there) || there.status === 401) return there;
  if (there.status === 200) {
    const { body } = there;
    if (isEqualJson(draftOf(body), whole.draft) && (body.notes ?? "") === (whole.notes ?? "")) return there;
    // If someone else changed its text, this is refused; comments refuse nothing.
    if (body.state === "draft") {
      const put = await saveDraft(whole, "draft");
      if (put.status !== 412 && put.status !== 410) return put;
    }
  }
  return saveDraft({ ...whole, base: base ?? null, shared: undefined }, "draft");
}

/**
 * The entry as a draft can have it: one in conflict is based on the revision before theirs,
 * so that it can't take their change away unseen; a withdrawn post is no base.
 * @param {Entry} entry
 * @returns {Entry}
 */
export function asUnpublished(entry) {
  if (entry.state === "withdrawn") return asNewPost(entry);
  const { base } = entry;
  return entry.state === "conflict" && base ? { ...entry, base: { ...base, rev: base.rev - 1 } } : entry;
}

/** @param {string} person */
function removeItemsOf(person) {
  for (const name of keysOf(person)) localStorage.removeItem(name);
}

/**
 * Remove what is kept until the page is left, as answers may come late.
 * @param {string} person
 */
function removeWhenLeft(person) {
  // In this order; what was seen last is kept in the second one (`since_you_left.js`).
  for (const type of ["pagehide", "visibilitychange"]) addEventListener(type, () => removeItemsOf(person));
}

/**
 * The names under which localStorage keeps something of this person; drafts of releases
 * before the outbox, which name nobody, are entries by now.
 * @param {string} person
 */
function keysOf(person) {
  try {
    return Object.keys(localStorage).filter(
      (name) => name.startsWith("stop-press-desk:") || (name.startsWith("stop-press-") && name.endsWith(`:${person}`)),
    );
  } catch {
    return []; // The browser keeps nothing.
  }
}

/**
 * What the server has not taken, and is in this browser alone.
 * @param {string} person
 * @returns {Kept[]}
 */
function localTexts(person) {
  const names = {
    Templates: waitingTemplatesName(person),
    "Notes on posts": waitingNotesName(person),
    "Settings of feeds": unsavedFormsName(person),
  };
  return Object.entries(names)
    .map(([title, name]) => ({ title, number: keptList(name).length }))
    .filter(({ number }) => number)
    .map(({ title, number }) => ({ title, reason: `${number} in this browser; the server has not taken them.` }));
}
