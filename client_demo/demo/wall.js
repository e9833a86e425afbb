// A feed on a wall: the client alone, without the element. `?feed=` names another one.
import { Reader } from "./stop-press/client.js";
import { ordered } from "./stop-press/fold.js";

const $ = (id) => document.getElementById(id);
const feed = new URLSearchParams(location.search).get("feed") ?? "ostermere-flood";
const LINES = {
  connecting: "Connecting", live: "Live", reconnecting: "Connecting again",
  ended: "Coverage has ended", gone: "No such feed",
};
const SHOWN = 4;
let shown = "";

const reader = new Reader(new URL("..", location.href).href.slice(0, -1), feed, {
  change: draw,
  line: (line) => {
    $("line").dataset.line = line;
    $("line").textContent = LINES[line];
  },
});
reader.start();
setInterval(() => reader.state && tell(reader.state), 5000);

function draw(state) {
  // A wall hangs for weeks, and shows four.
  if (reader.trim(SHOWN * 5)) return;
  const { language, direction, title } = state.feed;
  document.documentElement.lang = language;
  document.documentElement.dir = direction;
  document.title = $("title").textContent = title;
  tell(state);
  const [now, ...then] = ordered(state).slice(0, SHOWN);
  $("then").replaceChildren(...then.map((post) => before(post, state.feed)));
  if (!now) return;
  $("time").textContent = clock(now.published_at, state.feed);
  $("time").dateTime = now.published_at;
  spoken($("now"), now, state.feed);
  $("headline").textContent = now.headline || words(now);
  $("text").textContent = now.headline ? words(now) : "";
  $("mark").textContent = now.breaking ? "●" : "";
  const picture = now.media?.find(({ type }) => type === "image");
  $("picture").hidden = !picture;
  if (picture) Object.assign($("picture"), { src: picture.url, alt: picture.alt ?? "" });
  if (shown && shown !== now.id) restart($("now"));
  shown = now.id;
}

function before(post, feed) {
  const item = document.createElement("li"), time = document.createElement("time");
  const line = document.createElement("b");
  time.dateTime = post.published_at;
  time.textContent = clock(post.published_at, feed);
  line.textContent = post.headline || words(post);
  spoken(line, post, feed);
  item.append(time, line);
  return item;
}

/** A post may be in another language than its feed. */
function spoken(element, post, feed) {
  element.lang = post.language ?? feed.language;
  element.dir = post.direction ?? "auto";
}

/** What a post says, without its markup. */
function words({ html }) {
  const { body } = new DOMParser().parseFromString(html ?? "", "text/html");
  return [...body.children].map((part) => part.textContent.trim()).join(" ");
}

function tell({ feed }) {
  $("clock").textContent = clock(new Date(), feed);
}

function clock(at, { language, timezone: timeZone }) {
  const form = { hour: "2-digit", minute: "2-digit", hourCycle: "h23", timeZone };
  return new Intl.DateTimeFormat(language, form).format(new Date(at));
}

function restart(element) {
  element.classList.remove("new");
  void element.offsetWidth;
  element.classList.add("new");
}
