/**
 * The composer: shows one entry of the outbox, and writes what is typed into it.
 *
 * Rules:
 * - Publishing is deliberate: the button, or Ctrl/⌘+Enter. Enter in a field is no more
 *   than Enter.
 * - What is sent leaves the composer at once: the next text is another entry.
 * - After a conflict or a withdrawal both lead to the decision, and send nothing.
 * - An entry is open in one tab at a time.
 * @module
 */

import { setUpAttachments } from "./set_up_pictures_and_cards.js";
import { checkFields } from "./field_errors.js";
import { composerLabels, openedNotice } from "./composer_labels_and_notices.js";
import { ConflictView } from "./conflict_view.js";
import { CorrectionChoice } from "./correction_choice.js";
import { EntryLock } from "./one_tab_per_entry.js";
import { fetchPost } from "./fetch_post.js";
import { asNewPost, entryTitle, isUntouched, needsDecision, newEntry, queued, rebased, withOwnText, withdrawn } from "./outbox_entry.js";
import { PostForm } from "./post_form.js";
import { fetchNotes, keepNotes } from "./fetch_keep_and_send_post_notes.js";
import { isUnknown } from "./repeat_request_until_outcome.js";
import { isEqualJson } from "./draft_patch_and_three_way_merge.js";

/**
 * @typedef {import("./outbox_entry.js").Entry} Entry
 * @typedef {import("./repeat_request_until_outcome.js").Answer} Answer
 * @typedef {import("../stop-press/fold.js").Post} Post
 * @typedef {import("./status_messages_and_questions.js").Feedback} Feedback
 */

export class Composer {
  /**
   * @param {HTMLFormElement} root
   * @param {import("./entry_store.js").EntryStore} store
   * @param {import("./preview.js").Preview} preview
   * @param {Feedback} feedback
   */
  constructor(root, store, preview, feedback) {
    this.#root = root;
    this.#store = store;
    this.#preview = preview;
    this.#feedback = feedback;
    this.#entry = newEntry(store.person, "");
    this.#form = new PostForm(root, () => this.#onInput());
    this.#correction = new CorrectionChoice(this.#part("correction"), () => this.#onInput());
    this.#lock = new EntryLock(() => this.#leave("Another tab has taken that text over."));
    this.#conflictView = new ConflictView(/** @type {HTMLElement} */ (root.querySelector("[data-conflicts]")), {
      swap: (name, value) => {
        const draft = this.#form.read();
        this.#form.fill({ ...draft, [name]: value });
        return draft[name];
      },
      decided: () => this.#onInput(),
      asNew: () => {
        this.#show(asNewPost(this.#read()));
        this.#onInput();
        this.#feedback.show("It is a new post now, and not published yet.");
        this.#form.focus();
      },
    });
    setUpAttachments(root, this.#form, {
      changed: () => this.#onInput(),
      feed: () => this.#entry.feed,
      entryId: () => this.#entry.id,
      person: store.person,
    });
    // The buttons are no submit buttons; nothing else may send the form either.
    root.addEventListener("submit", (event) => event.preventDefault());
    root.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" || !(event.ctrlKey || event.metaKey) || event.isComposing) return;
      event.preventDefault();
      if (!event.repeat) this.submit();
    });
    this.#part("send").addEventListener("click", () => this.submit());
    this.#part("new").addEventListener("click", () => this.startNew());
    this.#part("discard").addEventListener("click", () => this.#discard());
    store.onChange((id, isOther) => {
      if (id === this.#entry.id && !this.#isPutting) this.#onOthersChange(isOther);
    });
  }

  #root;
  #store;
  #preview;
  #feedback;
  #form;
  #correction;
  #lock;
  #conflictView;
  #isPutting = false;
  /** @type {Entry} */ #entry;
  /** The entry that was sent last from here. */ sentId = "";

  /** @param {string} zone the time zone of the feed */
  set zone(zone) {
    this.#form.zone = zone;
  }

  /** The entry, as it is in the form. */
  get entry() {
    return this.#read();
  }

  /** The id of the entry that is open here. */
  get entryId() {
    return this.#entry.id;
  }

  /**
   * Open the feed: the draft that was last written there, if no other tab has it.
   * @param {string} feed
   */
  async open(feed) {
    const fresh = newEntry(this.#store.person, feed);
    this.#show(fresh);
    this.#feedback.show("");
    const drafts = this.#store.all(feed).filter(({ state }) => state === "draft");
    for (const entry of drafts.reverse()) {
      const isMine = await this.#lock.take(entry.id);
      // The editor opened something else meanwhile.
      if (isMine === null) return;
      const kept = isMine && (await this.#store.fresh(entry.id));
      // The editor may have begun to write, or opened something else.
      if (this.#entry.id !== fresh.id || !isUntouched(this.#read())) break;
      if (kept) return this.#showOpened(kept);
    }
    await this.#lock.take(this.#entry.id);
  }

  /**
   * Open an entry of the outbox; one that is queued is taken back.
   * @param {string} id
   */
  async openEntry(id) {
    const isMine = await this.#lock.take(id);
    if (isMine === false) {
      const question = "This text is open in another tab. Take it over here?";
      if (!(await this.#feedback.confirm(question, "Take it over"))) return;
      await this.#lock.take(id, true);
    }
    const entry = await this.#store.fresh(id);
    if (!entry || entry.state === "out" || !this.#lock.holds(id)) return;
    this.#form.focus();
    this.#showOpened(entry);
  }

  /** @param {Entry} entry */
  #showOpened(entry) {
    const isTakenBack = entry.state === "queued";
    const isRefused = entry.state === "refused";
    this.#show(isTakenBack || isRefused ? { ...entry, state: "draft" } : entry);
    if (isTakenBack) this.#put(this.#entry);
    if (isRefused && !entry.attempt) this.showRefusal(entry);
    else this.#feedback.show(openedNotice(entry), "trouble");
  }

  /** @param {{field?: string, reason: string}} refusal */
  showRefusal({ field, reason }) {
    if (field) {
      const text = reason.slice(reason.startsWith(field) ? field.length : 0).replace(/^: /, "");
      this.#form.showComplaint(field, text);
    }
    this.#feedback.show(`Refused: ${reason}`, "trouble");
  }

  /**
   * Edit a post; an entry that already changes it is opened instead.
   * @param {Post} shown as readers get it: without its text, which the API has
   */
  async edit({ id }) {
    const feed = this.#entry.feed;
    const mine = this.#store.all(feed).find(({ postId, state }) => postId === id && state !== "out");
    const before = this.#read();
    const { person } = this.#store;
    const [answer, notes] = await Promise.all([fetchPost(feed, id), fetchNotes(person, feed, id)]);
    if (feed !== this.#entry.feed) return;
    if (before.id !== this.#entry.id || !isEqualJson(before.draft, this.#form.read())) {
      // Nothing changes under the hands of an editor who went on writing.
      return this.#feedback.show("The post was loaded while you wrote: choose Edit again to open it.");
    }
    if (mine) {
      await this.openEntry(mine.id);
      const entry = this.#entry;
      if (answer.status === 200 && entry.id === mine.id && !entry.attempt && entry.base.rev < answer.body.rev) {
        this.#rebaseOnto(answer.body);
      }
      return;
    }
    if (answer.status !== 200) {
      const reason = isUnknown(answer) ? "The post can't be read now; try again." : this.#feedback.refusalText(answer);
      return this.#feedback.show(reason, "trouble");
    }
    this.#show(newEntry(person, feed, answer.body, undefined, notes));
    this.#feedback.show("");
    // Before the lock: later the editor may be in another field already.
    this.#form.focus();
    await this.#lock.take(this.#entry.id);
  }

  /**
   * Put another text into the open entry.
   * @param {import("./post_field_table.js").Draft} draft
   */
  fill(draft) {
    this.#show({ ...this.#read(), draft });
    this.#onInput();
    this.#form.focus();
  }

  /**
   * Open an entry that was made elsewhere, such as an earlier version of a post.
   * @param {Entry} entry
   */
  async openMade(entry) {
    this.#show(entry);
    this.#put(entry);
    this.#feedback.show("");
    this.#form.focus();
    await this.#lock.take(entry.id);
  }

  /**
   * The text is elsewhere now: drop the entry. What was written since stays.
   * @param {Entry} [sent] as it was sent
   * @param {Entry["shared"]} [shared] of which it is a change then
   */
  async finish(sent, shared) {
    const entry = this.#read();
    if (sent && !isEqualJson(entry, sent)) return this.keepAsChange(shared);
    // Before: what is typed while the entry is removed belongs to the next.
    this.#leave();
    this.#form.focus();
    await this.#store.remove(entry.id);
  }

  /**
   * The text is from now on a change of this draft of the desk.
   * @param {Entry["shared"]} shared
   */
  keepAsChange(shared) {
    this.#entry = { ...this.#read(), shared };
    this.#showMode();
    return this.#put(this.#entry);
  }

  /**
   * Someone withdrew posts: if one is open here, the editor learns it now.
   * @param {(postId: string) => boolean} isWithdrawn
   */
  noteWithdrawals(isWithdrawn) {
    const { base, state, attempt } = this.#entry;
    if (!base || attempt || state === "withdrawn" || !isWithdrawn(base.id)) return;
    const entry = this.#read();
    if (isUntouched(entry)) {
      // Nothing here is the editor's own, and what was taken down must be nowhere.
      return this.#leave("The post that was open here was withdrawn.", "trouble");
    }
    this.#show(withdrawn(entry));
    this.#put(this.#entry);
    this.#feedback.show("This post was withdrawn meanwhile. Your text is kept.", "trouble");
  }

  /** Queue the entry, and begin the next one. */
  submit() {
    const entry = this.#read();
    if (needsDecision(entry)) {
      this.#conflictView.focus();
      return this.#feedback.show("Decide first: nothing was sent.", "trouble");
    }
    if (!checkFields(this.#root)) {
      return this.#feedback.show("A field is incomplete or too long: nothing was sent.", "trouble");
    }
    // A draft of the desk is published there, and its text with it.
    if (entry.shared) return this.#root.dispatchEvent(new CustomEvent("publish-shared"));
    const ready = queued(entry, Date.now());
    if (!ready) {
      const { person, feed, base, notes = "", notesBefore = "", attempt } = entry;
      if (base && !attempt && notes !== notesBefore) {
        keepNotes(person, feed, base.id, notes, notesBefore);
        this.finish();
        return this.#feedback.show("The notes are kept; the post is as it was.", "good");
      }
      return this.#feedback.show(entry.base ? "Nothing was changed." : "Nothing is written yet.");
    }
    this.startNew();
    this.#store.put(ready);
    this.sentId = ready.id;
    this.#root.dispatchEvent(new CustomEvent("entry"));
  }

  /** @param {Entry} entry */
  #show(entry) {
    this.#entry = entry;
    this.#form.fill(entry.draft);
    this.#form.box("notes").value = entry.notes ?? "";
    this.#form.box("comment").value = entry.comment ?? "";
    this.#conflictView.show(entry.disputes, entry.state === "withdrawn");
    this.#showMode();
    this.#preview.show(entry.feed, entry.draft);
    this.#root.dispatchEvent(new CustomEvent("entry"));
  }

  /** Label the form for a new post or for a change. */
  #showMode() {
    for (const [part, label] of Object.entries(composerLabels(this.#entry))) this.#part(part).textContent = label;
    this.#part("discard").hidden = this.#entry.attempt !== null;
    this.#correction.show(this.#entry.base !== null);
  }

  /** The entry as it is in the form. */
  #read() {
    const [notes, comment] = ["notes", "comment"].map((name) => this.#form.box(name).value);
    return { ...this.#entry, notes, comment, draft: this.#form.read(), disputes: this.#conflictView.all };
  }

  #onInput() {
    this.#feedback.show("");
    const isFirst = isUntouched(this.#entry);
    this.#entry = this.#read();
    if (isFirst) this.#entry.order = Date.now();
    if (isUntouched(this.#entry)) this.#store.remove(this.#entry.id);
    else this.#put(this.#entry);
    this.#preview.show(this.#entry.feed, this.#entry.draft);
  }

  /** @param {Entry} entry */
  async #put(entry) {
    this.#isPutting = true;
    const written = this.#store.put(entry);
    this.#isPutting = false;
    await written;
    if (!this.#store.isKept) {
      this.#feedback.show("This browser keeps no drafts: a reload would lose the text.", "trouble");
    }
  }

  /**
   * The open entry changed elsewhere: its attempt was answered, or another tab wrote it.
   * @param {boolean} isOther
   */
  #onOthersChange(isOther) {
    const entry = this.#store.get(this.#entry.id);
    if (!entry || entry === this.#entry) return;
    const { base, attempt, state } = this.#entry;
    if (isOther && entry.state === state && isEqualJson(entry.attempt, attempt)) return;
    const known = withOwnText(entry, this.#form.read());
    if (!known) return this.#leave("That text was sent.");
    const isOut = entry.base && entry.base !== base && !entry.disputes.length && !entry.attempt;
    this.#show(known);
    this.#put(known);
    if (known.id !== entry.id) this.#lock.take(known.id);
    if (isOut) this.#feedback.show("An earlier try had arrived. Your text is a change to it.", "good");
    else if (entry.state === "refused") this.#showOpened(known);
  }

  /**
   * Begin another entry.
   * @param {string} [why] Without it, what was said stays.
   * @param {"trouble"} [tone]
   */
  #leave(why, tone) {
    this.#show(newEntry(this.#store.person, this.#entry.feed));
    this.#lock.take(this.#entry.id);
    if (why !== undefined) this.#feedback.show(why, tone);
  }

  /**
   * Someone else changed the post: rebase my draft onto theirs and show the conflicts.
   * @param {Post} theirs
   */
  #rebaseOnto(theirs) {
    const entry = rebased(this.#read(), theirs);
    this.#show(entry);
    this.#put(entry);
    this.#feedback.show("Someone else changed this post meanwhile.", "trouble");
  }

  /** Leave the entry where it is, in the outbox, and begin another. */
  startNew() {
    this.#leave("");
    this.#form.focus();
  }

  async #discard() {
    const entry = this.#read();
    if (!isUntouched(entry)) {
      const question = `Throw away “${entryTitle(entry)}”?`;
      if (!(await this.#feedback.confirm(question, "Throw away"))) return;
    }
    this.startNew();
    await this.#store.remove(entry.id);
  }

  /** @param {string} name */
  #part(name) {
    return /** @type {HTMLElement} */ (this.#root.querySelector(`[data-part="${name}"]`));
  }
}
