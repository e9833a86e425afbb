/**
 * What was written and is not sent yet, kept in the browser, feed by feed.
 *
 * Rules: every key stroke may be the last one before a crash, so keeping is one
 * synchronous call; a browser that refuses to store costs the safety net and
 * nothing else (`isKept` says so); two open desks share what is stored, so each
 * write reads first and changes its own entry only.
 * @module
 */

/**
 * @typedef {{draft: import("./post_fields.js").Draft, base: any,
 *   attempt: import("./send.js").Attempt | null}} Entry
 */

/** The name under which a post that is not there yet is kept. */
export const NEW = "";

const PREFIX = "stop-press-desk:";

export class Drafts {
  /** @param {() => Storage} storage it may throw, and so may what it gives */
  constructor(storage) {
    this.isKept = true;
    this.#storage = storage;
  }

  #storage;
  /** @type {Map<string, {active: string, entries: {[name: string]: Entry}}>} */
  #held = new Map();

  /**
   * What was being written: the name of its entry (a post's id, or NEW).
   * @param {string} feed
   * @returns {string}
   */
  active(feed) {
    return this.#read(feed).active;
  }

  /**
   * @param {string} feed
   * @param {string} name
   * @returns {Entry | undefined}
   */
  get(feed, name) {
    return this.#read(feed).entries[name];
  }

  /**
   * Keep an entry, and that it is the one being written.
   * @param {string} feed
   * @param {string} name
   * @param {Entry | null} entry null: nothing is left to keep
   */
  put(feed, name, entry) {
    const record = this.#read(feed);
    record.active = entry ? name : NEW;
    if (entry) record.entries[name] = entry;
    else delete record.entries[name];
    this.#held.set(feed, record);
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
    const held = this.#held.get(feed);
    if (held && !this.isKept) return held;
    try {
      const text = this.#storage().getItem(PREFIX + feed);
      return { ...empty, ...JSON.parse(text ?? "{}") };
    } catch {
      return held ?? empty;
    }
  }
}
