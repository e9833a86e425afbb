// A reader of the live line over a bare WebSocket. All it remembers is a cursor.
const $ = (id) => document.getElementById(id);
let socket, cursor, spread, failures, timer;

function connect() {
  const feed = $("feed").value;
  const at = cursor ? `@${cursor}` : "";
  socket = new WebSocket(`${new URL("..", location.href).href.replace("http", "ws")}v1/live?feed=${encodeURIComponent(feed + at)}`);
  socket.onmessage = ({ data }) => receive(JSON.parse(data));
  socket.onclose = ({ code }) => {
    // 44xx means stop; anything else: come back, after a wait drawn anew each time.
    if (code >= 4400 && code < 4500) return say("shut", `closed with ${code}`);
    const wait = Math.random() * Math.min(30_000, spread * 2 ** failures++);
    say("wait", `${code}, back in ${(wait / 1000).toFixed(1)} s`);
    timer = setTimeout(connect, wait);
  };
}

function receive(message) {
  if (message.retry_ms) spread = message.retry_ms;
  if (message.type === "hello") { failures = 0; say("open", message.resumed ? "resumed" : "connected"); }
  // What was shown so far can't be continued; the line itself goes on from here.
  if (message.type === "reset") { failures = 0; $("messages").replaceChildren(); say("open", "reset"); }
  if (message.cursor && message.type !== "beat") $("cursor").value = cursor = message.cursor;
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
  if (socket) { socket.onclose = socket.onmessage = null; socket.close(); }
  cursor = ""; spread = 4000; failures = 0;
  $("cursor").value = ""; $("messages").replaceChildren(); connect();
}

$("cut").onclick = () => socket.close(); // as a tunnel would: onclose brings it back
$("feed").onchange = begin;
begin();
