/**
 * Drafts that are not sent yet, stored in the browser, one record per feed.
 *
 * Rules: any keystroke may be the last before a crash, so storing is one synchronous
 * call; if the browser refuses storage, only the safety net is lost (`isKept` is then
 * false); two open desks share the storage, so each write reads first and changes only
 * its own entry.
 * @module
 */

/**
 * @typedef {{draft: import("./post_fields.js").Draft, base: any,
 *   attempt: import("./send_request.js").Attempt | null,
 *   disputes?: import("./conflict_view.js").Conflict[]}} StoredDraft Browsers hold these across
 *   releases: the members keep their names.
 */

/** The entry name of a post that is not published yet; others are named by the post's id. */
export const NEW = "";

const PREFIX = "stop-press-desk:";

export class Drafts {
  /** @param {() => Storage} storage may throw, and so may its methods */
  constructor(storage) {
    this.isKept = true;
    this.#storage = storage;
  }

  #storage;
  /** @type {Map<string, {active: string, entries: {[name: string]: StoredDraft}}>} */
  #memory = new Map();

  /**
   * The name of the entry that was last written: a post's id, or NEW.
   * @param {string} feed
   * @returns {string}
   */
  active(feed) {
    return this.#read(feed).active;
  }

  /**
   * @param {string} feed
   * @param {string} name
   * @returns {StoredDraft | undefined}
   */
  get(feed, name) {
    return this.#read(feed).entries[name];
  }

  /**
   * Store an entry, as the one last written.
   * @param {string} feed
   * @param {string} name
   * @param {StoredDraft | null} entry null removes it
   */
  put(feed, name, entry) {
    const record = this.#read(feed);
    record.active = entry ? name : NEW;
    if (entry) record.entries[name] = entry;
    else delete record.entries[name];
    this.#memory.set(feed, record);
    try {
      const storage = this.#storage();
      if (Object.keys(record.entries).length) {
        storage.setItem(PREFIX + feed, JSON.stringify(record));
      } else {
        storage.removeItem(PREFIX + feed);
      }
      this.isKept = true;
    } catch {
      this.isKept = false;
    }
  }

  /** @param {string} feed */
  #read(feed) {
    const empty = { active: NEW, entries: {} };
    const inMemory = this.#memory.get(feed);
    if (inMemory && !this.isKept) return inMemory;
    try {
      const text = this.#storage().getItem(PREFIX + feed);
      return { ...empty, ...JSON.parse(text ?? "{}") };
    } catch {
      return inMemory ?? empty;
    }
  }
}
