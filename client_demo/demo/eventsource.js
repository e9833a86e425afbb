// A reader of the live line over a bare EventSource. The browser remembers the
// cursor (it is the id of each event) and reconnects; here is only what to do with it.
const $ = (id) => document.getElementById(id);
const TYPES = ["hello", "reset", "post.published", "post.updated", "post.withdrawn",
  "feed.updated", "readers", "beat", "bye"];
let source, cursor, timer;

function connect() {
  // The server hears of the cursor by itself on a reconnect; on a new line we say it.
  const since = cursor ? `?since=${encodeURIComponent(cursor)}` : "";
  source = new EventSource(`../v1/feeds/${$("feed").value}/events${since}`);
  for (const type of TYPES) source.addEventListener(type, receive);
  source.onerror = () => {
    if (source.readyState === EventSource.CLOSED) say("shut", "ended by the server");
    else say("wait", "reconnecting");
  };
}

function receive({ data, lastEventId }) {
  const message = JSON.parse(data);
  if (message.type === "hello") say("open", message.resumed ? "resumed" : "connected");
  // What was shown so far can't be continued; the line itself goes on from here.
  if (message.type === "reset") { $("messages").replaceChildren(); say("open", "reset"); }
  if (lastEventId) $("cursor").value = cursor = lastEventId;
  show(message);
}

function show(message) {
  const item = document.createElement("li"), type = document.createElement("b");
  type.textContent = message.type;
  item.append(type, " ", JSON.stringify(message));
  $("messages").prepend(item);
  while ($("messages").children.length > 200) $("messages").lastChild.remove();
}

function say(state, text) { $("state").dataset.state = state; $("state").value = text; }

function begin() {
  clearTimeout(timer);
  source?.close();
  cursor = ""; $("cursor").value = ""; $("messages").replaceChildren(); connect();
}

$("cut").onclick = () => {
  source.close();
  say("wait", "cut, back in 3 s");
  clearTimeout(timer);
  timer = setTimeout(connect, 3000);
};
$("feed").onchange = begin;
begin();
