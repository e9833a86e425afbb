/**
 * Lists of this person that localStorage keeps until the server has taken them.
 *
 * Rules:
 * - Their names end with the person, so that signing out and sealing find them.
 * - What comes back from a seal is added to what was kept since, and replaces none of it.
 * @module
 */

/**
 * @param {string} name with the person in it
 * @returns {any[]}
 */
export function keptList(name) {
  try {
    return JSON.parse(localStorage.getItem(name) ?? "[]");
  } catch {
    return [];
  }
}

/**
 * Keep the list; whether the browser does.
 * @param {string} name
 * @param {any[]} list
 */
export function keepList(name, list) {
  try {
    if (list.length) localStorage.setItem(name, JSON.stringify(list));
    else localStorage.removeItem(name);
    return true;
  } catch {
    return false;
  }
}

/**
 * The text of an item to which another is added that was kept under its name before: of two
 * lists, first what is kept now.
 * @param {string | null} now
 * @param {string} before
 * @returns {string}
 */
export function withFormer(now, before) {
  try {
    return JSON.stringify([...JSON.parse(now ?? ""), ...JSON.parse(before)]);
  } catch {
    return now ?? before; // Nothing is kept, or no list.
  }
}
