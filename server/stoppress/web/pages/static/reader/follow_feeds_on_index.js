/**
 * Keeps the list of feeds current: follows, on one line, the feeds whose newest post it
 * shows.
 *
 * A new headline is written into its card, and a withdrawn post goes at once. All else (a
 * feed that begins or ends, a feed that counts its readers, which is not followed) comes
 * with the next load: the page loads itself anew now and then, unless it has the focus.
 * @module
 */

const RELOAD_MS = 300_000;
const FIRST_RECONNECT_MS = 4000;
const LONGEST_RECONNECT_MS = 60_000;

/** Follow the feeds of the page's list, if it is one. */
export function followIndex() {
  const list = /** @type {HTMLElement | null} */ (document.querySelector("main.index"));
  if (!list) return;
  const cards = /** @type {HTMLElement[]} */ ([...list.querySelectorAll("[data-cursor]")]);
  let failures = 0;

  /** @param {any} message */
  const take = ({ type, feed, cursor, post }) => {
    const card = cards.find(({ dataset }) => dataset.feed === feed);
    if (!card) return;
    if (cursor) card.dataset.cursor = cursor;
    const latest = /** @type {HTMLElement | null} */ (card.querySelector(".latest"));
    const link = latest?.querySelector("a");
    const time = latest?.querySelector("time");
    if (!post || !latest || !link || !time) return;
    const isShown = latest.dataset.id === post.id;
    if (type === "post.withdrawn") {
      if (isShown) latest.hidden = true;
      if (isShown) link.lastChild?.remove();
    } else if (post.headline && post.published_at >= time.dateTime) {
      const clock = { hour: "2-digit", minute: "2-digit", hourCycle: "h23", timeZone: card.dataset.zone };
      const words = new Intl.DateTimeFormat("sv", /** @type {any} */ (clock)).format(new Date(post.published_at));
      latest.hidden = false;
      latest.dataset.id = post.id;
      link.href = post.url;
      Object.assign(time, { dateTime: post.published_at, title: "", textContent: words });
      link.replaceChildren(time, ` ${post.headline}`);
    }
  };

  const open = () => {
    const followed = cards.map(({ dataset }) => `feed=${dataset.feed}@${dataset.cursor}`);
    if (!followed.length) return;
    const url = new URL(`${list.dataset.root}/v1/live?${followed.join("&")}`, location.href);
    url.protocol = url.protocol.replace("http", "ws");
    const line = new WebSocket(url);
    line.onmessage = ({ data }) => {
      failures = 0;
      take(JSON.parse(data));
    };
    line.onclose = ({ code }) => {
      // 44xx: coming back would not help.
      if (code >= 4400 && code < 4500) return;
      failures += 1;
      setTimeout(open, Math.random() * Math.min(LONGEST_RECONNECT_MS, FIRST_RECONNECT_MS * 2 ** failures));
    };
  };
  open();
  setInterval(() => {
    if (!document.hidden && document.activeElement === document.body) location.reload();
  }, RELOAD_MS);
}
