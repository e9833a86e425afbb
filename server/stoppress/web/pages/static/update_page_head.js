/**
 * Keeps the head of a feed's own page true: its title, its descriptions for sharing and
 * its JSON-LD say no more than the page shows.
 *
 * Rules:
 * - Drawn from the page's articles, which the element keeps current: with the event that
 *   removes or changes an article, the head loses or changes what was drawn from it.
 * - A script of the page, not of the element: on other sites the head is theirs.
 * - What can't be drawn again from the page (a picture for sharing) is removed.
 *
 * `browser_files.py` serves it with what it imports, the package's `shorten_text_and_name_host.js`, inside.
 */

import { shorten } from "./shorten_text_and_name_host.js";

const LINKED_DATA = '[type="application/ld+json"]';
const DESCRIPTION = 200;
const HEADLINE = 110;

const element = document.querySelector("stop-press");
const { head } = document;
const metas = (name) => head.querySelectorAll(`[property="${name}"],[name="${name}"]`);
const publisher = metas("og:site_name")[0].content.trim();
/** What a list of chosen posts has in common. */
const about = document.querySelector(".home > strong")?.textContent ?? "";
/** The post of a permalink. */
const current = element.querySelector("[aria-current]")?.dataset.id;
/** What the page's language calls things. */
const words = JSON.parse(element.querySelector(".sp-words").textContent);
let baseTitle = document.title;

const oneLine = (text) => text.replace(/[ \t\n\f\r]+/g, " ").trim();
const textOf = (found, between) => oneLine([...found].map((one) => one.textContent).join(between));
const articleOf = (id) => document.getElementById(`post-${id}`) ?? document.getElementById(`pinned-${id}`);

/** The revisions of the articles that the head is drawn from, by id. */
const revisions = new Map();
for (const { dataset } of element.querySelectorAll(".sp-post")) revisions.set(dataset.id, dataset.rev);
let drawn = textsOfFeed();
/** What the JSON-LD says of the feed. */
let drawnKey = "";

/** What the page says of the feed itself: title, standfirst, summary and language. */
function textsOfFeed() {
  const root = element.querySelector(".sp");
  const parts = [[".sp-head", ".sp-title", " "], [".sp-head", ".sp-standfirst", " "], [".sp-summary", "li", " · "]];
  // Part by part: a whole page of posts takes long to look through.
  return [...parts.map(([part, text, between]) => textOf(root.querySelector(part).querySelectorAll(text), between)), root.lang];
}

/**
 * The texts of an article besides its headline that have words: a third twin of
 * `post_title_and_plain_text.py`, which has the rules.
 */
function textsOf(article) {
  const bodies = [...article.querySelectorAll(".sp-body")];
  const texts = bodies.map((body) => plainText(body));
  for (const body of bodies) for (const { alt } of body.querySelectorAll("img")) texts.push(alt);
  for (const figure of article.querySelectorAll(".sp-media")) {
    const text = (selector) => figure.querySelector(selector)?.textContent;
    const [note] = figure.querySelector("figcaption")?.childNodes ?? [];
    texts.push(
      note?.nodeType === Node.TEXT_NODE ? note.data : "",
      figure.querySelector(".sp-zoom img")?.alt,
      text("blockquote") ?? text(".sp-card-text > span"),
      // The host stands below a title, or in its place.
      text("small") ? text("strong") : hostName(figure.matches(".sp-embed"), text("strong") ?? ""),
    );
  }
  return texts.map((one) => oneLine(one ?? "")).filter(Boolean);
}

/**
 * The provider or host that a card without a title names; an address of the site itself is none.
 * @param {boolean} isEmbed Whose button says what it loads.
 * @param {string} label
 */
function hostName(isEmbed, label) {
  const [before, after] = words.load.split("{name}");
  const name = isEmbed ? label.slice(before.length, label.length - after.length) : label;
  return name.startsWith("/") ? "" : name;
}

/** A body's text, one line per paragraph. */
function plainText(body) {
  const copy = body.cloneNode(true);
  for (const one of copy.querySelectorAll("p, li, h3, h4, h5, h6, blockquote, tr, th, td, pre, br, hr")) one.append("\n");
  for (const one of copy.querySelectorAll("br, hr")) one.replaceWith("\n");
  return copy.textContent.split("\n").map((line) => line.trim()).filter(Boolean).join("\n");
}

function headlineOf(article) {
  const headline = article.querySelector(".sp-headline")?.textContent;
  if (headline) return headline;
  const [text] = textsOf(article);
  return text ? shorten(text, HEADLINE) : words[article.querySelector(".sp-body img, .sp-zoom") ? "picture" : "update"];
}

/**
 * Draw what differs from what the head was drawn from. Only the articles that changed are
 * looked at: a page may hold a thousand.
 * @param {MutationRecord[]} records
 */
function drawChanges(records) {
  const ids = new Set();
  for (const { target, addedNodes, removedNodes } of records) {
    for (const node of [target, ...addedNodes, ...removedNodes]) if (node.matches?.(".sp-post")) ids.add(node.dataset.id);
  }
  const changed = new Set();
  let isNew = false;
  for (const id of ids) {
    const before = revisions.get(id);
    const now = articleOf(id)?.dataset.rev;
    if (now === before) continue;
    if (now) revisions.set(id, now);
    else revisions.delete(id);
    if (before) changed.add(id);
    isNew = true;
  }
  const texts = textsOfFeed();
  if (!isNew && texts.join("\n") === drawn.join("\n")) return;
  drawn = texts;
  draw(changed);
}

/** Draw what the element changed before this script ran. */
function drawEarlierChanges() {
  const changed = new Set();
  for (const { dataset } of head.querySelectorAll("[data-post]")) if (!articleOf(dataset.post)) changed.add(dataset.post);
  for (const script of head.querySelectorAll(LINKED_DATA)) {
    JSON.parse(script.textContent, (_, value) => {
      if (value?.["@type"] === "BlogPosting" && isOther(value)) changed.add(idOf(value));
      return value;
    });
  }
  if (changed.size) draw(changed);
}

const idOf = (posting) => posting["@id"].split("/").pop();

/** Whether a post's article is gone or of another time than its JSON-LD. */
function isOther(posting) {
  const article = articleOf(idOf(posting));
  return !article || secondOf(updatedAt(article) ?? article.dataset.at) !== secondOf(posting.dateModified);
}

/** JSON-LD has times to the second. */
const secondOf = (at) => Math.floor(Date.parse(at) / 1000);
const updatedAt = (article) => article.querySelector(".sp-updated time")?.dateTime;

/** @param {Set<string>} changed The posts that are other than they were, or no more. */
function draw(changed) {
  const [title, standfirst, summary, language] = drawn;
  const article = current && articleOf(current);
  const newest = element.querySelector(".sp-posts > .sp-post");
  const name = article ? headlineOf(article) : about;
  const shared = [name, title].filter(Boolean).join(" · ");
  const description =
    (article ? textsOf(article)[0] || `${name}. ${title}` : standfirst || summary || (newest && headlineOf(newest))) || title;
  const described = shorten(oneLine(description), DESCRIPTION);
  drawTitle(`${shared} · ${publisher}`);
  for (const [property, text] of [
    ["og:title", shared],
    ["og:description", described],
    ["description", described],
    ["og:locale", language.replaceAll("-", "_")],
  ]) for (const meta of metas(property)) meta.content = text;
  for (const link of head.querySelectorAll("[rel=alternate]")) link.title = /oembed/.test(link.type) ? shared : title;
  for (const one of head.querySelectorAll("[data-post]")) if (changed.has(one.dataset.post)) one.remove();
  if (!metas("og:image")[0]) for (const card of metas("twitter:card")) card.content = "summary";
  const ofFeed = { headline: title, description, inLanguage: language };
  const key = JSON.stringify(ofFeed);
  if (key === drawnKey && !changed.size) return;
  drawnKey = key;
  for (const script of head.querySelectorAll(LINKED_DATA)) drawLinkedData(script, changed, ofFeed);
}

/**
 * The title, with what the element counts before it.
 * @param {string} title
 */
function drawTitle(title) {
  const { title: before } = document;
  const count = before.endsWith(baseTitle) ? before.slice(0, -baseTitle.length) : "";
  baseTitle = title;
  if (before !== count + title) document.title = count + title;
}

/**
 * @param {Element} script
 * @param {Set<string>} changed The posts that are other than they were, or no more.
 * @param {object} ofFeed
 */
function drawLinkedData(script, changed, ofFeed) {
  const data = JSON.parse(script.textContent, (_, value) => {
    if (Array.isArray(value)) return value.filter((one) => one !== undefined);
    if (value?.["@type"] !== "BlogPosting") return value;
    const id = idOf(value);
    return changed.has(id) ? posting(value, articleOf(id)) : value;
  });
  if (!data) return script.remove();
  if (data["@type"] !== "BlogPosting") Object.assign(data, ofFeed);
  // The text node's data: a script's own text is closed to all but Trusted Types.
  script.firstChild.data = JSON.stringify(data).replaceAll("<", "\\u003c");
}

/**
 * A post as JSON-LD, as its article shows it now: what it shows no more is left out.
 * @param {any} before
 * @param {Element | null} article
 */
function posting(before, article) {
  if (!article) return undefined;
  const shown = article.textContent;
  const sources = [...article.querySelectorAll("img")].map(({ src }) => src);
  const { contentLocation: place, correction, author, image = [] } = before;
  const named = author.filter(({ name }) => name === publisher || shown.includes(name));
  const after = {
    ...before,
    headline: headlineOf(article),
    articleBody: [...article.querySelectorAll(".sp-body")].map(plainText).join("") || headlineOf(article),
    dateModified: updatedAt(article) ?? before.dateModified,
    author: named.length ? named : [{ "@type": "Organization", name: publisher }],
    image: image.filter((one) => sources.includes(one.url ?? one)),
  };
  if (!shown.includes(place?.name)) delete after.contentLocation;
  if (!shown.includes(correction?.text)) delete after.correction;
  return after;
}

// At once: timers of a hidden tab are late.
new MutationObserver(drawChanges).observe(element, { childList: true, subtree: true, attributeFilter: ["data-rev", "lang"] });
drawEarlierChanges();
