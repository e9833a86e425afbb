/**
 * Which tab has an entry in its composer: one at a time, or two would overwrite each other.
 *
 * The browser gives the lock back when its tab ends, however it ends. A browser without
 * locks (a page over plain HTTP from another machine) has every tab believe it has it.
 * @module
 */

const PREFIX = "stop-press-entry:";
/** How long a page that is being left may take to give its lock back. */
const WAIT_MS = 400;

export class EntryLock {
  /** @param {() => void} onLost another tab took the entry over */
  constructor(onLost) {
    this.#onLost = onLost;
  }

  #onLost;
  #id = "";
  #asked = 0;
  /** @type {() => void} */
  #release = () => {};

  /**
   * Whether the lock of this entry is held here.
   * @param {string} id
   */
  holds(id) {
    return this.#id === id;
  }

  /**
   * Take the lock of an entry; the one before is given back once this one is held. false:
   * another tab has it; null: another one was asked for meanwhile.
   * @param {string} id
   * @param {boolean} [isForced] take it from that tab
   * @returns {Promise<boolean | null>}
   */
  async take(id, isForced = false) {
    const asked = ++this.#asked;
    if (this.#id === id) return true;
    const { locks } = navigator;
    if (!locks) {
      this.#id = id;
      return true;
    }
    return new Promise((resolve) => {
      const late = new AbortController();
      const options = isForced ? { steal: true } : { signal: late.signal };
      let isHeld = false;
      setTimeout(() => late.abort(), WAIT_MS);
      const held = locks.request(PREFIX + id, options, () => {
        if (asked !== this.#asked) return resolve(null);
        this.#release();
        this.#id = id;
        isHeld = true;
        resolve(true);
        return new Promise((release) => {
          this.#release = () => release(undefined);
        });
      });
      held.catch(() => {
        if (!isHeld) return resolve(asked === this.#asked ? false : null);
        if (this.#id !== id) return;
        this.#id = "";
        this.#onLost();
      });
    });
  }
}
