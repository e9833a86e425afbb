"""The plain path of the live line: tasks relay a reader's bytes over ASGI.

For ASGI servers without the takeover extension. Slower, with the same messages, cursors
and codes. Rules: one task reads and one writes; the first to end cancels the other;
every await on the peer has a timeout.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine

from starlette.types import Receive, Send

from stoppress.domain.errors import Malformed
from stoppress.hub.asgi_and_long_poll_readers import RelayedReader
from stoppress.hub.feed_status_and_access import ReadRights
from stoppress.hub.hub import Hub
from stoppress.hub.incoming_messages import read_op
from stoppress.web.line.decide_live_admission import Wanted
from stoppress.wire.close_codes import CloseCode
from stoppress.wire.wire_formats import WireFormat

SEND_S = 30.0
"""Timeout of a send to the peer, if the setting `dead_peer_s` is 0."""


async def websocket(
    hub: Hub, rights: ReadRights, feeds: Wanted, receive: Receive, send: Send
) -> None:
    """Relay an accepted WebSocket until it ends."""
    reader = RelayedReader(hub, WireFormat.LINES, rights)
    for feed, cursor in feeds:
        hub.follow(reader, feed, cursor)
    await _first(
        reader,
        _write_websocket(hub, reader, send),
        _read_websocket(hub, reader, receive),
    )


async def stream(
    hub: Hub, rights: ReadRights, feeds: Wanted, receive: Receive, send: Send
) -> None:
    """Relay an event stream, whose head is sent, until it ends."""
    reader = RelayedReader(hub, WireFormat.STREAM, rights)
    for feed, cursor in feeds:
        hub.follow(reader, feed, cursor)
    await _first(reader, _write_stream(hub, reader, send), until_disconnect(receive))


async def _first(reader: RelayedReader, *works: Coroutine[None, None, None]) -> None:
    """Run all until the first ends, then cancel the others."""
    tasks = {asyncio.ensure_future(work) for work in works}
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        reader.disconnected()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _write_websocket(hub: Hub, reader: RelayedReader, send: Send) -> None:
    limit_s = hub.settings.dead_peer_s or SEND_S
    while data := await reader.next_bytes():
        for line in data.splitlines():
            async with asyncio.timeout(limit_s):
                await send({"type": "websocket.send", "text": line.decode()})
    code = reader.closing
    await send({"type": "websocket.close", "code": code, "reason": ""})


async def _read_websocket(hub: Hub, reader: RelayedReader, receive: Receive) -> None:
    while True:
        message = await receive()
        if message["type"] == "websocket.disconnect":
            return
        if reader.closing:
            continue
        text: str | None = message.get("text")
        try:
            raw = None if text is None else text.encode()
            if raw is not None and len(raw) > hub.settings.max_message_bytes:
                raise Malformed("the message is too long: send a shorter one")
            asked = read_op(raw)
        except Malformed:
            reader.close(CloseCode.BAD_REQUEST)
            continue
        reader.do(asked)


async def _write_stream(hub: Hub, reader: RelayedReader, send: Send) -> None:
    limit_s = hub.settings.dead_peer_s or SEND_S
    while data := await reader.next_bytes():
        async with asyncio.timeout(limit_s):
            await send({"type": "http.response.body", "body": data, "more_body": True})
    await send({"type": "http.response.body", "body": b"", "more_body": False})


async def until_disconnect(receive: Receive) -> None:
    """Wait until the client has disconnected."""
    while (await receive())["type"] != "http.disconnect":
        pass
