/**
 * Notes on a post, for the desk alone: they are kept in this browser, for this person, and
 * are in no request.
 * @module
 */

const MOST = 200;

/** @param {string} person */
const keyOf = (person) => `stop-press-notes:${person}`;

/**
 * @param {string} person
 * @returns {[id: string, notes: string][]}
 */
function all(person) {
  try {
    return JSON.parse(localStorage.getItem(keyOf(person)) ?? "[]");
  } catch {
    return [];
  }
}

/**
 * @param {string} person
 * @param {string} postId
 */
export const notesOf = (person, postId) => all(person).find(([id]) => id === postId)?.[1] ?? "";

/**
 * Keep the notes on a post; the oldest of many go.
 * @param {string} person
 * @param {string} postId
 * @param {string} notes
 */
export function keepNotes(person, postId, notes) {
  if (notesOf(person, postId) === notes) return;
  const others = all(person).filter(([id]) => id !== postId);
  const kept = notes ? [[postId, notes], ...others].slice(0, MOST) : others;
  try {
    localStorage.setItem(keyOf(person), JSON.stringify(kept));
  } catch {
    // The browser keeps nothing; the composer has said so.
  }
}
