/**
 * Markdown of pasted HTML: emphasis, links, lists, quotes, headings and tables survive the
 * way from a browser or a word processor. Pure: it reads any tree of DOM-like nodes.
 *
 * Rules: pictures, scripts and styles are left out; only addresses that a post may lead to
 * become links; characters that Markdown would take for its own are escaped.
 * @module
 */

/**
 * @typedef {{nodeName: string, nodeValue?: string | null, childNodes: ArrayLike<TreeNode>,
 *   getAttribute?: (name: string) => string | null}} TreeNode
 */

const LEFT_OUT = new Set(["SCRIPT", "STYLE", "TITLE", "HEAD", "META", "IMG", "SVG", "VIDEO", "IFRAME", "OBJECT", "TEMPLATE", "#comment"]);
const BLOCKS = new Set(["P", "DIV", "SECTION", "ARTICLE", "HEADER", "FOOTER", "MAIN", "FIGURE", "FIGCAPTION", "ADDRESS", "PRE", "DL", "DT", "DD", "HTML", "BODY"]);
const FORMATS = /<(?:b|strong|em|i|a|ul|ol|li|h[1-6]|blockquote|table|del|s)\b|font-(?:weight|style)\s*:|mso-list:/i;
const ADDRESS = /^(?:https?:\/\/|mailto:|tel:)\S+$/i;

/**
 * Whether pasted HTML says more than its plain text.
 * @param {string} html
 */
export const isFormatted = (html) => FORMATS.test(html);

/**
 * @param {TreeNode} root
 * @returns {string}
 */
export const markdownFromHtml = (root) =>
  blocks(root)
    .map((block) => block.replace(/[ \t]+\n/g, "\n").trimEnd())
    .filter((block) => block.trim())
    .join("\n\n");

/**
 * The blocks in a node, each a text of one or more lines.
 * @param {TreeNode} node
 * @returns {string[]}
 */
function blocks(node) {
  /** @type {string[]} */ const found = [];
  /** @type {TreeNode[]} */ let running = [];
  const endRunning = () => {
    const text = inlineOf({ childNodes: running });
    if (text.trim()) found.push(paragraph(text));
    running = [];
  };
  for (const child of Array.from(node.childNodes)) {
    const own = blockOf(child);
    if (own === null) running.push(child);
    else {
      endRunning();
      found.push(...own);
    }
  }
  endRunning();
  return found;
}

/**
 * A node that is a block by itself; null: it runs with the text around.
 * @param {TreeNode} node
 * @returns {string[] | null}
 */
function blockOf(node) {
  const { nodeName } = node;
  const [, level] = nodeName.match(/^H([1-6])$/) ?? [];
  if (level) {
    const text = oneLine(inlineOf(node));
    return text ? [`${"#".repeat(Math.max(3, Number(level)))} ${text}`] : [];
  }
  if (nodeName === "UL" || nodeName === "OL") return [list(node, nodeName === "OL")];
  if (nodeName === "BLOCKQUOTE") return [markdownFromHtml(node).replace(/^/gm, "> ").replace(/ +$/gm, "")];
  if (nodeName === "TABLE") return [table(node)];
  if (nodeName === "HR") return ["---"];
  if (nodeName === "P" && styleOf(node).includes("mso-list:")) return [wordItem(node)];
  if (BLOCKS.has(nodeName)) return blocks(node);
  // An inline element around blocks, as word processors write it.
  return !LEFT_OUT.has(nodeName) && hasBlock(node) ? blocks(node) : null;
}

/**
 * @param {TreeNode} node
 * @returns {boolean}
 */
const hasBlock = ({ childNodes }) =>
  Array.from(childNodes).some(
    (child) => BLOCKS.has(child.nodeName) || /^(?:UL|OL|TABLE|BLOCKQUOTE|H[1-6])$/.test(child.nodeName) || hasBlock(child),
  );

/**
 * @param {TreeNode} node
 * @param {boolean} isNumbered
 * @returns {string}
 */
function list(node, isNumbered) {
  const items = Array.from(node.childNodes).filter(({ nodeName }) => !/^#/.test(nodeName));
  return items
    .map((item, place) => {
      const mark = isNumbered ? `${(Number(node.getAttribute?.("start")) || 1) + place}. ` : "- ";
      const isList = item.nodeName === "UL" || item.nodeName === "OL";
      const text = isList ? list(item, item.nodeName === "OL") : blocks(item).join("\n");
      return isList ? text.replace(/^/gm, "  ") : mark + text.replace(/\n/g, `\n${" ".repeat(mark.length)}`);
    })
    .join("\n");
}

/**
 * An item of a list as Word writes it: a paragraph, its mark in a part of its own, which
 * `inline` leaves out.
 * @param {TreeNode} node
 */
function wordItem(node) {
  /** @type {(node: TreeNode) => string} */
  const all = ({ nodeValue, childNodes }) => (nodeValue ?? "") + Array.from(childNodes).map(all).join("");
  /** @type {(node: TreeNode) => string} */
  const mark = (each) => Array.from(each.childNodes).map((child) => (isMark(child) ? all(child) : mark(child))).join("");
  const [, number] = mark(node).match(/^\s*(\d+)[.)]/) ?? [];
  const depth = Number(styleOf(node).match(/level(\d)/)?.[1] ?? 1) - 1;
  return `${"   ".repeat(depth)}${number ? `${number}.` : "-"} ${oneLine(inlineOf(node))}`;
}

/** @type {(node: TreeNode) => boolean} */
const isMark = (node) => styleOf(node).includes("mso-list:ignore");

/** @param {TreeNode} node */
const styleOf = (node) => (node.getAttribute?.("style") ?? "").toLowerCase();

/** @param {TreeNode} node */
function table(node) {
  const rows = descendants(node, "TR").map((row) => {
    const cells = Array.from(row.childNodes).filter(({ nodeName }) => nodeName === "TD" || nodeName === "TH");
    return cells.map((cell) => oneLine(blocks(cell).join(" ")).replace(/\|/g, "\\|"));
  });
  const width = Math.max(0, ...rows.map(({ length }) => length));
  // A table of one column is layout.
  if (width < 2) return rows.map((cells) => cells.join(" ")).join("\n\n");
  const lines = rows.map((cells) => `| ${Array.from({ length: width }, (_, at) => cells[at] ?? "").join(" | ")} |`);
  return [lines[0], `|${" --- |".repeat(width)}`, ...lines.slice(1)].join("\n");
}

/**
 * @param {TreeNode} node
 * @param {string} name
 * @returns {TreeNode[]}
 */
const descendants = ({ childNodes }, name) =>
  Array.from(childNodes).flatMap((child) => (child.nodeName === name ? [child] : descendants(child, name)));

/**
 * Runs of one format, as word processors cut words, are one: "**Break****ing**" is none. No
 * HTML has the character between them.
 * @param {{childNodes: ArrayLike<TreeNode>}} node
 */
const inlineOf = ({ childNodes }) =>
  Array.from(childNodes).map(inline).join("\0").replace(/(?<![\\*])(\*+|~~)\0+\1(?!\*)/g, "").replaceAll("\0", "");

/**
 * @param {TreeNode} node
 * @returns {string}
 */
function inline(node) {
  const { nodeName, nodeValue } = node;
  if (nodeName === "#text") return escaped((nodeValue ?? "").replace(/[ \t\r\n]+/g, " "));
  if (LEFT_OUT.has(nodeName) || isMark(node)) return "";
  if (nodeName === "BR") return "\\\n";
  const text = inlineOf(node);
  if (nodeName === "CODE") return around(text.replace(/\\(.)/g, "$1"), "`");
  if (nodeName === "A") {
    const address = node.getAttribute?.("href")?.trim() ?? "";
    return ADDRESS.test(address) && text.trim() ? `[${oneLine(text)}](${address.replace(/[()]/g, encodeURIComponent)})` : text;
  }
  return emphasis(node, nodeName, text);
}

/**
 * @param {TreeNode} node
 * @param {string} name
 * @param {string} text
 */
function emphasis(node, name, text) {
  const style = node.getAttribute?.("style") ?? "";
  const isLight = /font-weight\s*:\s*(?:normal|[1-4]00)/i.test(style);
  const isBold = ((name === "B" || name === "STRONG") && !isLight) || /font-weight\s*:\s*(?:bold|[6-9]00)/i.test(style);
  const isItalic = name === "EM" || name === "I" || /font-style\s*:\s*italic/i.test(style);
  let marked = text;
  if (name === "DEL" || name === "S" || name === "STRIKE") marked = around(marked, "~~");
  if (isItalic) marked = around(marked, "*");
  return isBold ? around(marked, "**") : marked;
}

/**
 * @param {string} text
 * @param {string} mark
 */
function around(text, mark) {
  const inside = text.trim();
  const before = text.slice(0, text.length - text.trimStart().length);
  return inside ? before + mark + inside + mark + text.slice(text.trimEnd().length) : text;
}

/**
 * The text as Markdown; a bare address stays as it is, or it would be no link.
 * @param {string} text
 */
const escaped = (text) =>
  text.replace(/https?:\/\/[^\s<*[\]`\\]+|([\\`*_[\]<]|~(?=~)|&(?=[#\w]+;))/g, (all, mark) => (mark ? `\\${mark}` : all));

/** @param {string} text */
const oneLine = (text) => text.replace(/\\?\n/g, " ").replace(/\s+/g, " ").trim();

/**
 * The text without line breaks at its end, each a backslash and a new line. No pattern: one
 * that looks for the end of a run at each of its characters takes minutes for a hostile page.
 * @param {string} text
 */
function withoutBreaks(text) {
  for (let rest = text; ; ) {
    const end = rest.trimEnd().length;
    if (rest[end - 1] !== "\\" || rest[end] !== "\n") return rest.trim();
    rest = rest.slice(0, end - 1);
  }
}

/**
 * A running text as a paragraph: a line that begins like a list or heading stays text.
 * @param {string} text
 */
const paragraph = (text) =>
  withoutBreaks(text.replace(/[ \t]+/g, " "))
    .replace(/^ +/gm, "")
    .replace(/^(#{1,6} |[-+] |> )/gm, "\\$1")
    .replace(/^(\d+)([.)] )/gm, "$1\\$2");
