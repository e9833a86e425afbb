/**
 * What differs between two texts, word by word. Pure.
 * @module
 */

/** @typedef {{kind: "same" | "added" | "removed", text: string}} Difference */

/** Words of one side between the common ends; more are compared by paragraphs. */
const MAX_WORDS = 1500;

/**
 * @param {string} before
 * @param {string} after
 * @returns {Difference[]}
 */
export function differences(before, after) {
  if (before === after) return before ? [{ kind: "same", text: before }] : [];
  const words = [before, after].map((text) => text.match(/\s+|[^\s]+/g) ?? []);
  const isLong = words.some(({ length }) => length > MAX_WORDS * 2);
  const [old, now] = isLong ? [before, after].map((text) => text.split(/(?<=\n)/)) : words;
  let start = 0;
  while (start < old.length && start < now.length && old[start] === now[start]) start++;
  let end = 0;
  while (end < old.length - start && end < now.length - start && old[old.length - 1 - end] === now[now.length - 1 - end]) end++;
  const middle = common(old.slice(start, old.length - end), now.slice(start, now.length - end));
  return joined([
    ...old.slice(0, start).map((text) => /** @type {Difference} */ ({ kind: "same", text })),
    ...middle,
    ...old.slice(old.length - end).map((text) => /** @type {Difference} */ ({ kind: "same", text })),
  ]);
}

/**
 * By a longest common subsequence; its table is the square of what differs.
 * @param {string[]} old
 * @param {string[]} now
 * @returns {Difference[]}
 */
function common(old, now) {
  /** @type {Difference[]} */ const found = [];
  const removed = (/** @type {string} */ text) => found.push({ kind: "removed", text });
  const added = (/** @type {string} */ text) => found.push({ kind: "added", text });
  if (old.length > MAX_WORDS * 2 || now.length > MAX_WORDS * 2) {
    old.forEach(removed);
    now.forEach(added);
    return found;
  }
  const width = now.length + 1;
  const lengths = new Uint16Array((old.length + 1) * width);
  for (let i = old.length - 1; i >= 0; i--) {
    for (let j = now.length - 1; j >= 0; j--) {
      lengths[i * width + j] = old[i] === now[j]
        ? lengths[(i + 1) * width + j + 1] + 1
        : Math.max(lengths[(i + 1) * width + j], lengths[i * width + j + 1]);
    }
  }
  let [i, j] = [0, 0];
  while (i < old.length && j < now.length) {
    if (old[i] === now[j]) {
      found.push({ kind: "same", text: old[i] });
      i++;
      j++;
    } else if (lengths[(i + 1) * width + j] >= lengths[i * width + j + 1]) removed(old[i++]);
    else added(now[j++]);
  }
  old.slice(i).forEach(removed);
  now.slice(j).forEach(added);
  return found;
}

/**
 * Neighbours of one kind as one; removed words stand before added ones.
 * @param {Difference[]} parts
 * @returns {Difference[]}
 */
function joined(parts) {
  /** @type {Difference[]} */ const found = [];
  let [removed, added] = ["", ""];
  const end = () => {
    if (removed) found.push({ kind: "removed", text: removed });
    if (added) found.push({ kind: "added", text: added });
    [removed, added] = ["", ""];
  };
  parts.forEach(({ kind, text }, at) => {
    // A blank between two changes belongs to both: single words make no sense alone.
    const isBetween = kind === "same" && !text.trim() && (removed || added) && parts[at + 1] && parts[at + 1].kind !== "same";
    if (kind !== "added" && (kind === "removed" || isBetween)) removed += text;
    if (kind !== "removed" && (kind === "added" || isBetween)) added += text;
    if (kind !== "same" || isBetween) return;
    end();
    const last = found.at(-1);
    if (last?.kind === "same") last.text += text;
    else found.push({ kind, text });
  });
  end();
  return found;
}
