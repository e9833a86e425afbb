// A reader of the live line over a plain EventSource. The browser remembers the cursor
// (the id of each event) and reconnects by itself.
const $ = (id) => document.getElementById(id);
const TYPES = ["hello", "reset", "post.published", "post.updated", "post.withdrawn",
  "feed.updated", "readers", "beat", "bye"];
let source, cursor, timer;

function connect() {
  // On a reconnect the browser sends the cursor; a new EventSource needs it in the query.
  const since = cursor ? `?since=${encodeURIComponent(cursor)}` : "";
  source = new EventSource(`../v1/feeds/${$("feed").value}/events${since}`);
  for (const type of TYPES) source.addEventListener(type, receive);
  source.onerror = () => {
    if (source.readyState === EventSource.CLOSED) showState("shut", "ended by the server");
    else showState("wait", "reconnecting");
  };
}

function receive({ data, lastEventId }) {
  const message = JSON.parse(data);
  if (message.type === "hello") showState("open", message.resumed ? "resumed" : "connected");
  // The messages shown so far can't be continued; the line goes on from here.
  if (message.type === "reset") { $("messages").replaceChildren(); showState("open", "reset"); }
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

function showState(state, text) { $("state").dataset.state = state; $("state").value = text; }

function restart() {
  clearTimeout(timer);
  source?.close();
  cursor = ""; $("cursor").value = ""; $("messages").replaceChildren(); connect();
}

$("cut").onclick = () => {
  source.close();
  showState("wait", "cut, back in 3 s");
  clearTimeout(timer);
  timer = setTimeout(connect, 3000);
};
$("feed").onchange = restart;
restart();
