"""Clients in a real browser: browser.py BASE FEED TOKEN ENGINE CLIENT.

The page is a document of the server itself, so that it may publish too. What the
client hears it says on the console, which both ways of driving a browser pass on.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from tests.foreign.drivers.chromium import Chromium
from tests.foreign.drivers.console import say
from tests.foreign.drivers.firefox import Firefox

PACKAGES = Path(__file__).parents[1] / "node" / "node_modules"
HEARD = "heard "
COMMON = """
globalThis.HEARD = (data) => console.log("heard " + data);
globalThis.TYPES = ["hello", "post.published", "post.updated", "post.withdrawn",
    "feed.updated", "reset", "beat", "bye"];
globalThis.ask = async (method, address, token, body, tag) => {
    const headers = { authorization: `Bearer ${token}` };
    if (body !== null) headers["content-type"] = "application/json";
    if (tag !== null) headers["if-match"] = tag;
    const answer = await fetch(address, { method, headers, body: body ?? undefined });
    const text = await answer.text();
    return JSON.stringify([answer.status, answer.headers.get("etag"), text]);
};
"""
EVENT_SOURCE = """
globalThis.source = new %s(%s);
for (const type of TYPES) source.addEventListener(type, (event) => HEARD(event.data));
"""
WEBSOCKET = """
let cursor = %s;
const open = () => {
    const socket = new WebSocket(%s + cursor);
    socket.onmessage = ({ data }) => {
        const message = JSON.parse(data);
        if (["hello", "reset"].includes(message.type) || "at" in message)
            cursor = message.cursor;
        HEARD(data);
    };
    socket.onclose = () => setTimeout(open, 200);
};
open();
"""
FETCH_EVENT_SOURCE = """
fetchEventSource.fetchEventSource(%s, {
    openWhenHidden: true,
    onmessage: (message) => message.data && HEARD(message.data),
    // By itself it takes the end of an answer for the end of the feed.
    onclose: () => { throw new Error("come back"); },
});
"""


class Browser(Protocol):
    """A browser with one page."""

    async def open(self, url: str, heard: Callable[[str], None]) -> None:
        """Start, open the address, and pass on what its console says."""

    async def run(self, script: str) -> None:
        """Run statements in the page."""

    async def ask(self, expression: str) -> str:
        """What a promise in the page comes to, a string."""

    async def close(self) -> None:
        """End."""


def packed(folder: Path, *names: str) -> str:
    """Modules of CommonJS as one script; the last one becomes a global."""
    texts = {name: (folder / f"{name}.js").read_text() for name in names}
    parts = [
        f'"./{name}": (exports, require) => {{ {text}\n}}'
        for name, text in texts.items()
    ]
    return (
        f"const parts = {{ {','.join(parts)} }};"
        "const brought = (name) => { const exports = {}; parts[name](exports, brought);"
        " return exports; };"
        f"globalThis.fetchEventSource = brought('./{names[-1]}');"
    )


def script(client: str, base: str, feed: str, cursor: str) -> str:
    """What follows the feed in the page."""
    events = f"{base}/v1/feeds/{feed}/events"
    since = json.dumps(f"{events}?since={cursor}")
    if client == "websocket":
        live = f"{base.replace('http', 'ws', 1)}/v1/live?feed={feed}@"
        return WEBSOCKET % (json.dumps(cursor), json.dumps(live))
    if client == "event-source-polyfill":
        source = (PACKAGES / client / "src/eventsource.js").read_text()
        return source + EVENT_SOURCE % ("EventSourcePolyfill", since)
    if client == "fetch-event-source":
        folder = PACKAGES / "@microsoft/fetch-event-source/lib/cjs"
        return packed(folder, "parse", "fetch", "index") + FETCH_EVENT_SOURCE % since
    return EVENT_SOURCE % ("EventSource", since)


async def main() -> None:
    """Do as the matrix says, until it ends."""
    base, feed, token, engine, client = sys.argv[1:6]
    posts = f"{base}/v1/feeds/{feed}/posts"
    browser: Browser = Chromium() if engine == "chromium" else Firefox()

    def heard(text: str) -> None:
        if text.startswith(HEARD):
            say({"heard": json.loads(text.removeprefix(HEARD))})

    async def ask(
        method: str, url: str, body: str | None, tag: str | None
    ) -> list[str]:
        named = ", ".join(json.dumps(each) for each in (method, url, token, body, tag))
        answer: list[str] = json.loads(await browser.ask(f"ask({named})"))
        return answer

    await browser.open(f"{base}/openapi.json", heard)
    try:
        await browser.run(COMMON)
        say({"did": "start"})
        loop = asyncio.get_running_loop()
        while line := await loop.run_in_executor(None, sys.stdin.readline):
            verb, _, rest = line.strip().partition(" ")
            if verb == "publish":
                status, _, text = await ask("POST", posts, rest, None)
                say({"did": verb, "status": status, "answer": text})
            elif verb == "edit":
                post, _, changes = rest.partition(" ")
                _, tag, _ = await ask("GET", f"{posts}/{post}", None, None)
                status, _, _ = await ask("PATCH", f"{posts}/{post}", changes, tag)
                say({"did": verb, "status": status, "answer": tag})
            elif verb == "follow":
                await browser.run(script(client, base, feed, rest))
    finally:
        await browser.close()


asyncio.run(main())
