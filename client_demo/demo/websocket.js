// A reader of the live line over a plain WebSocket. It remembers only a cursor.
const $ = (id) => document.getElementById(id);
let socket, cursor, spreadMs, failures, timer;

function connect() {
  const feed = $("feed").value;
  const suffix = cursor ? `@${cursor}` : "";
  socket = new WebSocket(`${new URL("..", location.href).href.replace("http", "ws")}v1/live?feed=${encodeURIComponent(feed + suffix)}`);
  socket.onmessage = ({ data }) => receive(JSON.parse(data));
  socket.onclose = ({ code }) => {
    // 44xx means stop. After any other code: reconnect after a random wait.
    if (code >= 4400 && code < 4500) return showState("shut", `closed with ${code}`);
    const waitMs = Math.random() * Math.min(30_000, spreadMs * 2 ** failures++);
    showState("wait", `${code}, back in ${(waitMs / 1000).toFixed(1)} s`);
    timer = setTimeout(connect, waitMs);
  };
}

function receive(message) {
  if (message.retry_ms) spreadMs = message.retry_ms;
  if (message.type === "hello") { failures = 0; showState("open", message.resumed ? "resumed" : "connected"); }
  // The messages shown so far can't be continued; the line goes on from here.
  if (message.type === "reset") { failures = 0; $("messages").replaceChildren(); showState("open", "reset"); }
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

function showState(state, text) { $("state").dataset.state = state; $("state").value = text; }

function restart() {
  clearTimeout(timer);
  if (socket) { socket.onclose = socket.onmessage = null; socket.close(); }
  cursor = ""; spreadMs = 4000; failures = 0;
  $("cursor").value = ""; $("messages").replaceChildren(); connect();
}

$("cut").onclick = () => socket.close(); // as a lost network would: onclose reconnects
$("feed").onchange = restart;
restart();
