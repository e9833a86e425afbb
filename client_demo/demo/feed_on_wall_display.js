// A feed on a wall display: the client alone, without the element. `?feed=` names another feed.
import { Reader } from "./stop-press/client.js";
import { ordered } from "./stop-press/fold.js";
import { fragment } from "./stop-press/render_post.js";

const $ = (id) => document.getElementById(id);
const feed = new URLSearchParams(location.search).get("feed") ?? "ostermere-flood";
const LINE_TEXTS = {
  connecting: "Connecting", live: "Live", reconnecting: "Connecting again",
  ended: "Coverage has ended", gone: "No such feed",
};
const MAX_SHOWN = 4;
let shownId = "";

const reader = new Reader(new URL("..", location.href).href.slice(0, -1), feed, {
  change: draw,
  line: (line) => {
    $("line").dataset.line = line;
    $("line").textContent = LINE_TEXTS[line];
  },
});
reader.start();
setInterval(() => reader.state && showClock(reader.state), 5000);

function draw(state) {
  // The page is open for weeks and shows four posts: the others need not be kept.
  reader.trim(MAX_SHOWN * 5);
  const { language, direction, title } = state.feed;
  document.documentElement.lang = language;
  document.documentElement.dir = direction;
  document.title = $("title").textContent = title;
  showClock(state);
  const [newest, ...earlier] = ordered(state).slice(0, MAX_SHOWN);
  $("then").replaceChildren(...earlier.map((post) => earlierItem(post, state.feed)));
  if (!newest) return;
  $("time").textContent = clockText(newest.published_at, state.feed);
  $("time").dateTime = newest.published_at;
  setLanguage($("now"), newest, state.feed);
  $("headline").textContent = newest.headline || plainText(newest);
  $("text").textContent = newest.headline ? plainText(newest) : "";
  $("mark").textContent = newest.breaking ? "●" : "";
  const picture = newest.media?.find(({ type }) => type === "image");
  $("picture").hidden = !picture;
  if (picture) Object.assign($("picture"), { src: picture.url, alt: picture.alt ?? "" });
  if (shownId && shownId !== newest.id) restartAnimation($("now"));
  shownId = newest.id;
}

function earlierItem(post, feed) {
  const item = document.createElement("li"), time = document.createElement("time");
  const headline = document.createElement("b");
  time.dateTime = post.published_at;
  time.textContent = clockText(post.published_at, feed);
  headline.textContent = post.headline || plainText(post);
  setLanguage(headline, post, feed);
  item.append(time, headline);
  return item;
}

/** A post may be in another language than its feed. */
function setLanguage(element, post, feed) {
  element.lang = post.language ?? feed.language;
  element.dir = post.direction ?? "auto";
}

/** A post's text, without markup. */
function plainText({ html }) {
  return [...fragment(html ?? "", "").children].map((part) => part.textContent.trim()).join(" ");
}

function showClock({ feed }) {
  $("clock").textContent = clockText(new Date(), feed);
}

function clockText(at, { language, timezone: timeZone }) {
  const form = { hour: "2-digit", minute: "2-digit", hourCycle: "h23", timeZone };
  return new Intl.DateTimeFormat(language, form).format(new Date(at));
}

function restartAnimation(element) {
  element.classList.remove("new");
  void element.offsetWidth;
  element.classList.add("new");
}
