/**
 * The outbox's entries of one person, kept in the browser and the same in all its tabs.
 *
 * Rules:
 * - IndexedDB keeps them; a copy in memory answers at once. A change is told to the other
 *   tabs, which never write an entry that they did not change. What another tab may have
 *   changed meanwhile is changed as it is on the disk, in one step (`update`).
 * - If the browser refuses storage, only the safety net is lost: `isKept` is then false.
 * - Entries of other people who use this browser are never read into memory for longer
 *   than it takes to leave them out.
 * - Drafts that releases before the outbox kept in localStorage become entries of the
 *   person who opens the desk first, as they name nobody.
 * @module
 */

import { ENTRIES, ended, openDatabase } from "./browser_database.js";
import { completed, newEntry } from "./outbox_entry.js";

/** @typedef {import("./outbox_entry.js").Entry} Entry */
/** @typedef {{entry?: Entry, removed?: string, status?: {id: string, text: string},
 *   signedOut?: boolean}} TabMessage */

const FORMER_PREFIX = "stop-press-desk:";

export class EntryStore {
  /** @param {string} person whose entries these are */
  constructor(person) {
    this.person = person;
    this.isKept = true;
    if (globalThis.BroadcastChannel) {
      this.#channel = new BroadcastChannel(`stop-press-desk:${person}`);
      this.#channel.onmessage = ({ data }) => this.#onMessage(data);
    }
  }

  /** @type {BroadcastChannel | undefined} */ #channel;
  /** @type {IDBDatabase | null} */ #database = null;
  /** @type {Map<string, Entry>} */ #entries = new Map();
  /** @type {Map<string, Promise<void>>} By entry, while it is written. */ #writes = new Map();
  /** @type {Map<string, string>} The text of an entry's sending, in whichever tab. */
  #statuses = new Map();
  /** @type {Set<(id: string, isOther: boolean) => void>} */ #listeners = new Set();
  /** @type {() => void} */ #onSignOut = () => {};

  /** @type {TabMessage[] | null} What other tabs told before this one had read the disk. */
  #early = [];

  /** Read what is kept. */
  async open() {
    try {
      this.#database = await openDatabase(ENTRIES);
      for (const entry of await this.#readAll()) {
        if (entry.person === this.person) this.#entries.set(entry.id, completed(entry));
      }
    } catch {
      this.isKept = false;
    }
    // It may be newer than what was read.
    const early = this.#early ?? [];
    this.#early = null;
    for (const message of early) this.#onMessage(message);
    await this.#takeOverFormerDrafts();
  }

  /**
   * Call `listener` after any change; `isOther`: another tab made it. The answer ends it.
   * @param {(id: string, isOther: boolean) => void} listener
   */
  onChange(listener) {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /**
   * Call `listener` once this person has signed out in another tab.
   * @param {() => void} listener
   */
  onSignOut(listener) {
    this.#onSignOut = listener;
  }

  /** Tell the other tabs that this person has signed out. */
  tellSignOut() {
    this.#tell({ signedOut: true });
  }

  /**
   * The entries of a feed, or of all, in the order in which they are sent.
   * @param {string} [feed]
   * @returns {Entry[]}
   */
  all(feed) {
    const found = [...this.#entries.values()].filter((entry) => !feed || entry.feed === feed);
    return found.sort((one, other) => one.order - other.order || (one.id < other.id ? -1 : 1));
  }

  /**
   * @param {string} id
   * @returns {Entry | undefined}
   */
  get(id) {
    return this.#entries.get(id);
  }

  /**
   * Keep an entry; resolves once it is on the disk, or can't be.
   * @param {Entry} entry
   */
  async put(entry) {
    const { id } = entry;
    this.#hold(entry);
    const write = this.#write((entries) => entries.put(entry));
    this.#writes.set(id, write);
    await write;
    if (this.#writes.get(id) === write) this.#writes.delete(id);
    this.#tellAgain(entry);
  }

  /**
   * The entry once it is on the disk. What this tab is writing is not read again: a text
   * that is sent from here goes out one step of the disk earlier.
   * @param {string} id
   * @returns {Promise<Entry | null>}
   */
  async onDisk(id) {
    const write = this.#writes.get(id);
    if (!write) return this.fresh(id);
    await write;
    return this.#entries.get(id) ?? null;
  }

  /**
   * Change an entry as it is on the disk, in one step, whatever other tabs wrote; the entry
   * as it is then.
   * @param {string} id
   * @param {(entry: Entry) => Entry | null} change null removes it; the same: no change
   * @returns {Promise<Entry | null>}
   */
  async update(id, change) {
    /** @type {Entry | null} */ let after = null;
    let isRead = false;
    let isStale = false;
    let isChanged = false;
    const { isKept } = this;
    const atStart = this.#entries.get(id);
    /** @param {Entry | undefined} before */
    const apply = (before) => {
      after = before ? change(before) : null;
      // At once: what this tab writes next is written on top of it.
      // What is not on the disk yet is told again by the tab that writes it.
      if (!after) this.#forget(id, !!before);
      else if (after !== before) this.#hold(after);
      else this.#entries.set(id, after);
      isChanged = after !== (before ?? null);
      return isChanged;
    };
    await this.#write((entries) => {
      const request = entries.get(id);
      request.onsuccess = () => {
        isRead = true;
        // Written here meanwhile, and the disk has that only after this step: once more.
        isStale = this.#entries.get(id) !== atStart;
        if (isStale) return;
        const kept = request.result && completed(request.result);
        if (!apply(kept ?? (isKept ? undefined : this.#entries.get(id)))) return;
        if (after) entries.put(after);
        else entries.delete(id);
      };
    });
    if (isStale) return this.update(id, change);
    // A browser that keeps nothing: what is in memory is all there is.
    if (!isRead) apply(this.#entries.get(id));
    if (isChanged) this.#tellAgain(after);
    return after;
  }

  /**
   * The entry as it is on the disk now, with what another tab has just written.
   * @param {string} id
   */
  fresh(id) {
    return this.update(id, (entry) => entry);
  }

  /** Resolves once what this tab has put is on the disk. */
  async allWritten() {
    await Promise.all(this.#writes.values());
  }

  /** @param {string} id */
  async remove(id) {
    if (!this.#entries.has(id)) return;
    this.#forget(id);
    await this.#write((entries) => entries.delete(id));
  }

  /**
   * Remove all entries of this person; the media of what other people keep here.
   * @returns {Promise<import("./post_field_table.js").Medium[]>}
   */
  async removeAll() {
    await Promise.all(this.all().map(({ id }) => this.remove(id)));
    try {
      const others = (await this.#readAll()).filter(({ person }) => person !== this.person);
      return others.flatMap(({ draft }) => draft.media ?? []);
    } catch {
      return [];
    }
  }

  /** @param {Entry} entry */
  #hold(entry) {
    this.#entries.set(entry.id, entry);
    if (entry.state !== "queued") this.#statuses.delete(entry.id);
    this.#tell({ entry });
    this.#changed(entry.id, false);
  }

  /**
   * @param {string} id
   * @param {boolean} [isRemoved] from the disk as well
   */
  #forget(id, isRemoved = true) {
    if (!this.#entries.delete(id)) return;
    this.#statuses.delete(id);
    if (isRemoved) this.#tell({ removed: id });
    this.#changed(id, false);
  }

  /**
   * How the sending of an entry goes.
   * @param {string} id
   */
  status(id) {
    return this.#statuses.get(id) ?? "";
  }

  /**
   * @param {string} id
   * @param {string} text
   */
  setStatus(id, text) {
    this.#statuses.set(id, text);
    this.#tell({ status: { id, text } });
    this.#changed(id, false);
  }

  /**
   * The disk has it: a tab that was told before may have read there what was before.
   * @param {Entry | null} entry
   */
  #tellAgain(entry) {
    if (entry && this.#entries.get(entry.id) === entry) this.#tell({ entry });
  }

  /** @param {TabMessage} message */
  #tell(message) {
    this.#channel?.postMessage(message);
  }

  /** @param {TabMessage} message */
  #onMessage(message) {
    if (this.#early) {
      this.#early.push(message);
      return;
    }
    const { entry, removed, status, signedOut } = message;
    if (signedOut) return this.#onSignOut();
    if (entry) this.#entries.set(entry.id, entry);
    if (entry && entry.state !== "queued") this.#statuses.delete(entry.id);
    if (removed) this.#entries.delete(removed);
    if (status) this.#statuses.set(status.id, status.text);
    this.#changed(entry?.id ?? removed ?? status?.id ?? "", true);
  }

  /**
   * @param {string} id
   * @param {boolean} isOther
   */
  #changed(id, isOther) {
    for (const listener of this.#listeners) listener(id, isOther);
  }

  /** @returns {Promise<Entry[]>} */
  #readAll() {
    const request = this.#transaction("readonly").objectStore(ENTRIES.records).getAll();
    return new Promise((resolve, reject) => {
      request.onsuccess = () => resolve(request.result);
      request.onerror = () => reject(request.error);
    });
  }

  /** @param {(entries: IDBObjectStore) => void} change */
  async #write(change) {
    try {
      const transaction = this.#transaction("readwrite");
      change(transaction.objectStore(ENTRIES.records));
      await ended(transaction);
      this.isKept = true;
    } catch {
      this.isKept = false;
    }
  }

  /** @param {IDBTransactionMode} mode */
  #transaction(mode) {
    if (!this.#database) throw new Error("the browser keeps nothing");
    return this.#database.transaction(ENTRIES.records, mode);
  }

  async #takeOverFormerDrafts() {
    try {
      for (const name of Object.keys(localStorage)) {
        if (!name.startsWith(FORMER_PREFIX)) continue;
        const { entries = {} } = JSON.parse(localStorage.getItem(name) ?? "{}");
        const feed = name.slice(FORMER_PREFIX.length);
        for (const { draft, base = null, attempt = null } of Object.values(entries)) {
          await this.put({ ...completed(newEntry(this.person, feed, base, draft)), attempt });
        }
        if (this.isKept) localStorage.removeItem(name);
      }
    } catch {
      // Not readable: then nothing was kept there either.
    }
  }
}
