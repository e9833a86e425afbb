/**
 * Which rows of the list are selected, for acts on several posts.
 * @module
 */

export class RowSelection {
  /** @param {{posts: import("../stop-press/fold.js").Post[], rowOf: (id: string) => HTMLElement | undefined}} list */
  constructor(list) {
    this.#list = list;
  }

  #list;
  /** @type {Set<string>} */ #ids = new Set();
  #last = "";
  /** Called after any change. */
  onChange = () => {};

  /** The selected posts that are shown, as their rows show them. */
  get posts() {
    return this.#list.posts.filter(({ id }) => this.#ids.has(id));
  }

  /** @param {string} id */
  has(id) {
    return this.#ids.has(id);
  }

  /**
   * @param {string} id
   * @param {boolean} isPicked
   * @param {boolean} [isRange] also what lies between this row and the last one picked
   */
  pick(id, isPicked, isRange = false) {
    const ids = this.#list.posts.map((post) => post.id);
    const [at, last] = [ids.indexOf(id), isRange ? ids.indexOf(this.#last) : -1];
    const chosen = last < 0 ? [id] : ids.slice(Math.min(at, last), Math.max(at, last) + 1);
    for (const each of chosen) {
      if (isPicked) this.#ids.add(each);
      else this.#ids.delete(each);
      const box = this.#list.rowOf(each)?.querySelector("input");
      if (box) box.checked = isPicked;
    }
    this.#last = id;
    this.onChange();
  }

  /** Select none. */
  clear() {
    for (const id of [...this.#ids]) {
      const box = this.#list.rowOf(id)?.querySelector("input");
      if (box) box.checked = false;
    }
    this.#ids.clear();
    this.onChange();
  }

  /** @param {string} id a post that left the list */
  forget(id) {
    if (this.#ids.delete(id)) this.onChange();
  }
}
