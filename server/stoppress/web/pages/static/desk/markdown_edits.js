/**
 * What the buttons over the text do to it: Markdown put around or before the selection,
 * and taken away again if it is there. Pure.
 * @module
 */

/**
 * @typedef {{text: string, start: number, end: number}} Selected a text, and what of it is
 *   selected
 * @typedef {"bold" | "italic" | "link" | "list" | "numbers" | "quote" | "heading"} EditName
 */

const AROUND = /** @type {{[name: string]: string}} */ ({ bold: "**", italic: "*" });
const BEFORE = /** @type {{[name: string]: string}} */ ({ list: "- ", quote: "> ", heading: "### " });
const LIST_NUMBER = /^\d+\. /;

/**
 * @param {EditName} name
 * @param {Selected} selected
 * @returns {Selected}
 */
export function edited(name, selected) {
  if (name in AROUND) return around(selected, AROUND[name]);
  if (name === "link") return link(selected);
  return lines(selected, name);
}

/**
 * @param {Selected} selected
 * @param {string} mark
 * @returns {Selected}
 */
function around({ text, start, end }, mark) {
  const { length } = mark;
  const inside = text.slice(start, end);
  if (inside.trim().includes("\n")) return aroundLines({ text, start, end }, mark);
  const isMarked =
    text.slice(start - length, start) === mark && text.slice(end, end + length) === mark &&
    // One asterisk of two is no italic.
    (mark !== "*" || text[start - 2] !== "*" || text[start - 3] === "*");
  if (isMarked) {
    const without = text.slice(0, start - length) + inside + text.slice(end + length);
    return { text: without, start: start - length, end: end - length };
  }
  // Blanks at the ends stay outside: "** word**" is no emphasis.
  const lead = inside.length - inside.trimStart().length;
  const [from, to] = inside.trim() ? [start + lead, start + inside.trimEnd().length] : [start, end];
  const marked = text.slice(0, from) + mark + text.slice(from, to) + mark + text.slice(to);
  return { text: marked, start: from + length, end: to + length };
}

/**
 * Around the words of each selected line: no mark reaches over the end of a paragraph.
 * @param {Selected} selected
 * @param {string} mark
 * @returns {Selected}
 */
function aroundLines({ text, start, end }, mark) {
  const { length } = mark;
  const cut = text.slice(start, end).split("\n").map((line) => {
    const [{ length: at }] = /** @type {string[]} */ (line.match(/^(?:\s*(?:[-*+>]|\d+\.|#+) )*\s*/));
    return { line, at, words: line.slice(at).trimEnd() };
  });
  const isMarked = cut.every(({ words }) => !words || (words.startsWith(mark) && words.endsWith(mark) && words.length > 2 * length));
  const made = cut
    .map(({ line, at, words }) => {
      if (!words) return line;
      const changed = isMarked ? words.slice(length, -length) : mark + words + mark;
      return line.slice(0, at) + changed + line.slice(at + words.length);
    })
    .join("\n");
  return { text: text.slice(0, start) + made + text.slice(end), start, end: start + made.length };
}

/**
 * `[words](address)`; the part that is still missing is selected.
 * @param {Selected} selected
 * @returns {Selected}
 */
function link({ text, start, end }) {
  const inside = text.slice(start, end).trim();
  const isAddress = /^(?:https?:\/\/|mailto:)\S+$/.test(inside);
  const [words, address] = isAddress ? ["", inside] : [inside, "https://"];
  const made = `[${words}](${address})`;
  const at = isAddress || !words ? start + 1 : start + words.length + 3;
  const length = isAddress || !words ? words.length : address.length;
  return { text: text.slice(0, start) + made + text.slice(end), start: at, end: at + length };
}

/**
 * Every selected line with a mark before it; without, if all have it.
 * @param {Selected} selected
 * @param {string} name
 * @returns {Selected}
 */
function lines({ text, start, end }, name) {
  const from = text.lastIndexOf("\n", start - 1) + 1;
  const next = text.indexOf("\n", end);
  const to = next < 0 ? text.length : next;
  const all = text.slice(from, to).split("\n");
  const isNumbers = name === "numbers";
  const mark = BEFORE[name];
  /** @param {string} line */
  const isMarked = (line) => (isNumbers ? LIST_NUMBER.test(line) : line.startsWith(mark));
  const isUndone = all.every((line) => !line.trim() || isMarked(line)) && all.some(isMarked);
  let number = 0;
  const after = all.map((line) => {
    if (isUndone) return isNumbers ? line.replace(LIST_NUMBER, "") : line.replace(mark, "");
    if (!line.trim() && all.length > 1) return line;
    return isNumbers ? `${(number += 1)}. ${line.replace(LIST_NUMBER, "")}` : isMarked(line) ? line : mark + line;
  });
  const made = after.join("\n");
  const isCaret = start === end;
  const caret = Math.max(from, start + (after[0].length - all[0].length));
  return {
    text: text.slice(0, from) + made + text.slice(to),
    start: isCaret ? caret : from,
    end: isCaret ? caret : from + made.length,
  };
}

/**
 * What Enter in a list adds: the mark of the next item; "" outside of a list; null ends the
 * list, as its last item is empty.
 * @param {string} line the line before the caret
 * @returns {string | null}
 */
export function nextItem(line) {
  const [, indent, mark, rest] = line.match(/^(\s*)([-*+] |\d+[.)] |> )(.*)$/) ?? [];
  if (mark === undefined) return "";
  if (!rest.trim()) return null;
  const number = Number.parseInt(mark, 10);
  return indent + (Number.isNaN(number) ? mark : `${number + 1}${mark.replace(/^\d+/, "")}`);
}
