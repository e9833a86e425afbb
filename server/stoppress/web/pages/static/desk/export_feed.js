/**
 * The export of a whole feed as a file: the JSON lines of `stoppress export`, which
 * `stoppress import` reads. Built of public calls; it takes the scope `admin`.
 * @module
 */

import { ROOT, sendOnce } from "./repeat_request_until_outcome.js";

const PAGE = 100;

/**
 * The lines of the file. Throws the problem's text.
 * @param {string} feed
 * @param {(count: number) => void} onProgress
 * @param {(path: string) => Promise<any>} [get]
 * @returns {Promise<any[]>}
 */
export async function exportLines(feed, onProgress, get = fetchJson) {
  const path = `/v1/feeds/${encodeURIComponent(feed)}`;
  // First what only an admin may, so that another is refused at once.
  await get(`${path}/withdrawn?limit=1`);
  const snapshot = await get(path);
  let { cursor } = snapshot;
  /** @type {any[]} */
  const lines = [{ export: 1, cursor }, { feed: bare(snapshot.feed) }];
  for (let next = `${path}/posts?limit=${PAGE}`; next; ) {
    const page = await get(next);
    lines.push(...page.posts.map((/** @type {any} */ post) => ({ post: bare(post) })));
    onProgress(lines.length);
    next = page.next;
  }
  const told = new Set();
  for (let isNew = true; isNew; ) {
    isNew = false;
    for (let next = `${path}/withdrawn`; next; ) {
      const page = await get(next);
      for (const left of page.withdrawn) {
        // Again if it was taken down meanwhile.
        const state = `${left.id} ${left.taken_down ?? false}`;
        if (!told.has(state)) lines.push({ withdrawn: left });
        told.add(state);
      }
      next = page.next;
    }
    // What happened meanwhile follows after the pages.
    for (;;) {
      const { events = /** @type {any[]} */ ([]), reset } = (await get(`${path}/events?since=${cursor}&wait=0`)) ?? {};
      if (reset) throw new Error("Too much happened during the export; export again when the feed is quieter.");
      if (!events.length) break;
      for (const { type, cursor: at, post, value } of events) {
        cursor = at;
        if (value) lines.push({ feed: bare(value) });
        else if (type === "post.withdrawn") isNew = true;
        else if (post) {
          const now = await get(`${path}/posts/${post.id}?for=${cursor}`);
          if (now) lines.push({ post: bare(now) });
        }
      }
    }
  }
  return [...lines, { end: { cursor, lines: lines.length } }];
}

/**
 * Without what the importing server makes itself.
 * @param {any} value
 */
function bare({ url, html, ...others }) {
  return others;
}

/** @param {string} path */
async function fetchJson(path) {
  const { status, body } = await sendOnce({ method: "GET", path: path.startsWith(`${ROOT}/`) && ROOT ? path.slice(ROOT.length) : path });
  if (status === 410 || status === 404 || status === 204) return null;
  if (status !== 200) throw new Error(status === 403 ? "An export takes the scope “admin”." : `The export failed (status ${status}).`);
  return body;
}

/**
 * Hand a file to the browser.
 * @param {string} name
 * @param {any[]} lines
 */
export function saveLines(name, lines) {
  const text = lines.map((line) => `${JSON.stringify(line)}\n`).join("");
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([text], { type: "application/x-ndjson" }));
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}
