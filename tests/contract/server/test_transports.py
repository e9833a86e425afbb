"""Three transports, one cursor: the same messages, and a reader may change over."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from urllib.parse import urlsplit

import pytest

from stoppress.domain.cursor import Cursor
from stoppress.domain.event import KNOWN_TYPES
from stoppress.domain.fold import Json
from tests.conftest import Server
from tests.contract.server.asking import public
from tests.faults.reader_transports import PollWire, SseWire, WebSocketWire, Wire

pytestmark = pytest.mark.asyncio

WIRES: tuple[Callable[[], Wire], ...] = (WebSocketWire, SseWire, PollWire)
TIMEOUT_S = 60.0


def head(server: Server, feed: str) -> Cursor:
    """Of all that was answered: a line may hear of it a moment later."""
    page = server.request("GET", f"/v1/feeds/{feed}").json()
    return Cursor.parse(page["cursor"])


async def read(
    server: Server, wire: Wire, places: Mapping[str, Cursor | None], wanted: int
) -> list[Json]:
    """The next `wanted` events on a line of its own, from `places`; then cut it."""
    address = urlsplit(server.url)
    stream, writer = await asyncio.open_connection(address.hostname, address.port)
    cursors = dict(places)
    messages: list[Json] = []
    try:
        async with asyncio.timeout(TIMEOUT_S):
            writer.write(wire.begin(cursors))
            while len(messages) < wanted:
                assert not wire.ended, wire.ended
                for message in wire.feed(await stream.read(65_536)):
                    if message["type"] in KNOWN_TYPES:
                        messages.append(message)
                        feed = str(message["feed"])
                        cursors[feed] = Cursor.parse(str(message["cursor"]))
                    else:
                        assert message["type"] != "reset"
                if isinstance(wire, PollWire) and wire.idle:
                    writer.write(wire.begin(cursors))
    finally:
        writer.transport.abort()
    return messages[:wanted]


def write(server: Server, feed: str) -> list[str]:
    """One of each kind of event; their cursors."""
    first = server.publish(feed, "The river is *over* its banks", pinned=True)
    other = server.publish(feed, "نص قصير", direction="rtl", tags=["a", "b"])
    path = f"/v1/feeds/{feed}/posts/{first['post']['id']}"
    edited = server.request("PATCH", path, {"body": "It fell"}, if_match='"1"')
    assert edited.status_code == 200
    titled = server.request("PATCH", f"/v1/feeds/{feed}", {"title": "Flood – “live”"})
    assert titled.status_code == 200
    path = f"/v1/feeds/{feed}/posts/{other['post']['id']}"
    assert server.request("DELETE", path).status_code == 204
    epoch, seq = head(server, feed)
    return [str(Cursor(epoch, number)) for number in range(1, seq + 1)]


async def test_all_transports_give_the_same_messages(server: Server) -> None:
    """Live and replayed, the events are the same objects with the same cursors."""
    feed = server.new_feed()
    start = head(server, feed)
    live = [
        asyncio.create_task(read(server, make(), {feed: start}, 5)) for make in WIRES
    ]
    cursors = await asyncio.to_thread(write, server, feed)
    for messages in await asyncio.gather(*live):
        assert [message["cursor"] for message in messages] == cursors
    replayed = [await read(server, make(), {feed: start}, 5) for make in WIRES]
    assert replayed[0] == replayed[1] == replayed[2]
    assert [message["cursor"] for message in replayed[0]] == cursors
    # What was taken back is shown by none of them.
    assert "نص" not in str(replayed)


async def test_a_reader_may_change_transport_at_any_event(server: Server) -> None:
    """Cut after any event and resumed on another transport: none lost or doubled."""
    feed = server.new_feed()
    place = head(server, feed)
    received: list[Json] = []
    writing = asyncio.to_thread(
        lambda: [server.publish(feed, f"No. {number}") for number in range(30)]
    )
    written = asyncio.create_task(writing)
    for number in range(12):
        wanted = 1 + number % 4
        messages = await read(
            server, WIRES[number % 3](), {feed: place}, min(wanted, 30 - len(received))
        )
        received += messages
        place = Cursor.parse(str(messages[-1]["cursor"]))
    posts = [public(made["post"]) for made in await written]
    assert [message["post"] for message in received] == posts[: len(received)]
    assert [Cursor.parse(str(message["cursor"])).seq for message in received] == list(
        range(1, len(received) + 1)
    )
    assert len(received) == 30


async def test_one_websocket_follows_many_feeds(server: Server) -> None:
    """Each feed resumes from its own cursor, independently of the others."""
    feeds = [server.new_feed() for _ in range(3)]
    for feed in feeds:
        server.publish(feed, "before")
    places: dict[str, Cursor | None] = {}
    for feed in feeds:
        places[feed] = head(server, feed)
    reading = asyncio.create_task(read(server, WebSocketWire(), places, 9))
    for number in range(3):
        for feed in feeds:
            await asyncio.to_thread(server.publish, feed, f"No. {number}")
    messages = await reading
    for feed in feeds:
        mine = [m["cursor"] for m in messages if m["feed"] == feed]
        assert [Cursor.parse(str(cursor)).seq for cursor in mine] == [2, 3, 4]
