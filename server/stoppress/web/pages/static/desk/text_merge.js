/**
 * The three-way merge of a text, line by line (diff3). Pure.
 *
 * Source: Khanna, Kunal, Pierce, "A Formal Investigation of Diff3" (2007).
 * @module
 */

/** Limit of the compared lines of one text; the table of a comparison is its square. */
const MAX_LINES = 1000;

/**
 * Both changes of a text, or null if they touch the same or adjacent lines.
 * @param {string} base
 * @param {string} mine
 * @param {string} theirs
 * @returns {string | null}
 */
export function mergeText(base, mine, theirs) {
  if (mine === theirs || base === theirs) return mine;
  if (base === mine) return theirs;
  const [old, a, b] = [base, mine, theirs].map((text) => text.split("\n"));
  if (Math.max(old.length, a.length, b.length) > MAX_LINES) return null;
  const inMine = matches(old, a);
  const inTheirs = matches(old, b);
  /** @type {string[]} */ const merged = [];
  let [at, atMine, atTheirs] = [0, 0, 0];
  while (at <= old.length) {
    // The next line that all three have; after the last line the ends count as one.
    let next = at;
    while (next < old.length && (inMine[next] < 0 || inTheirs[next] < 0)) next++;
    const isEnd = next === old.length;
    const nextMine = isEnd ? a.length : inMine[next];
    const nextTheirs = isEnd ? b.length : inTheirs[next];
    const chunk = old.slice(at, next);
    const one = a.slice(atMine, nextMine);
    const other = b.slice(atTheirs, nextTheirs);
    if (isSame(one, chunk)) merged.push(...other);
    else if (isSame(other, chunk) || isSame(one, other)) merged.push(...one);
    else return null;
    if (isEnd) break;
    merged.push(old[next]);
    [at, atMine, atTheirs] = [next + 1, nextMine + 1, nextTheirs + 1];
  }
  return merged.join("\n");
}

/**
 * @param {string[]} one
 * @param {string[]} other
 */
const isSame = (one, other) =>
  one.length === other.length && one.every((line, index) => line === other[index]);

/**
 * For each line of `old` its place in `changed` by a longest common subsequence; -1: none.
 * @param {string[]} old
 * @param {string[]} changed
 * @returns {number[]}
 */
function matches(old, changed) {
  const width = changed.length + 1;
  const lengths = new Uint16Array((old.length + 1) * width);
  for (let i = old.length - 1; i >= 0; i--) {
    for (let j = changed.length - 1; j >= 0; j--) {
      lengths[i * width + j] =
        old[i] === changed[j]
          ? lengths[(i + 1) * width + j + 1] + 1
          : Math.max(lengths[(i + 1) * width + j], lengths[i * width + j + 1]);
    }
  }
  const places = new Array(old.length).fill(-1);
  for (let i = 0, j = 0; i < old.length && j < changed.length; ) {
    if (old[i] === changed[j]) places[i++] = j++;
    else if (lengths[(i + 1) * width + j] >= lengths[i * width + j + 1]) i++;
    else j++;
  }
  return places;
}
