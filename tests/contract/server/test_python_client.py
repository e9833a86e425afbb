"""The Python client writes to a real server and follows it."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from typing import Any

import pytest

from stoppress.client import (
    AsyncFeedWriter,
    FeedWriter,
    LineRefused,
    Message,
    RequestRefused,
    Transport,
    follow,
)
from tests.conftest import Server
from tests.waiting import WITHIN_S


async def received(server: Server, feed: str, since: str, count: int) -> list[Message]:
    """So many events after a cursor."""
    found: list[Message] = []
    async with (
        asyncio.timeout(60),
        aclosing(follow(server.url, feed, since=since)) as it,
    ):
        async for message in it:
            found.append(message)
            if len(found) == count:
                break
    return found


def test_written_events_are_received(server: Server) -> None:
    """Publish, edit, put, withdraw; a repeated key gives one event."""
    feed = server.new_feed()
    start = server.request("GET", f"/v1/feeds/{feed}").json()["cursor"]
    with FeedWriter(server.url, feed, server.token) as writer:
        first = writer.publish({"headline": "One"}, idempotency_key="k")
        again = writer.publish({"headline": "One"}, idempotency_key="k")
        assert first.created and not again.created
        assert (again.post, again.cursor) == (first.post, first.cursor)
        name: Any = first.post["id"]
        edited = writer.edit(name, {"key": True}, rev=1)
        assert (edited.post["rev"], writer.read(name)["key"]) == (2, True)
        with pytest.raises(RequestRefused) as stale:
            writer.edit(name, {"key": False}, rev=1)
        assert (stale.value.status, stale.value.problem["current"]["rev"]) == (412, 2)
        put = writer.put_external("cms/7 ü?", {"body": "a"})
        same = writer.put_external("cms/7 ü?", {"body": "a"})
        assert (put.created, same.created, same.cursor) == (True, False, put.cursor)
        writer.withdraw_external("cms/7 ü?")
        events = asyncio.run(received(server, feed, start, 4))
        # A post that was withdrawn since is replayed as withdrawn.
        assert [event["type"].partition(".")[2] for event in events] == [
            *("published", "updated", "withdrawn", "withdrawn")
        ]
        writer.withdraw(name)
        (last,) = asyncio.run(received(server, feed, events[-1]["cursor"], 1))
        assert (last["type"], last["post"]) == ("post.withdrawn", {"id": name})


@pytest.mark.asyncio
async def test_concurrent_puts_create_one_post(server: Server) -> None:
    """Twenty PUTs at once, each over a connection of its own."""
    feed = server.new_feed()

    async def put(number: int) -> bool:
        async with AsyncFeedWriter(server.url, feed, server.token) as writer:
            fields = {"headline": "One", "tags": [f"{number}"]}
            return (await writer.put_external("wire-7", fields)).created

    made = await asyncio.gather(*(put(number) for number in range(20)))
    assert made.count(True) == 1
    posts = server.request("GET", f"/v1/feeds/{feed}/posts").json()["posts"]
    assert [post["rev"] for post in posts] == [20]


@pytest.mark.asyncio
@pytest.mark.parametrize("transport", ["websocket", "sse", "poll"])
async def test_tickets_are_renewed_while_a_private_feed_is_followed(
    server: Server, transport: Transport
) -> None:
    """No event is lost when tickets expire; without a new one following ends."""
    feed = await asyncio.to_thread(server.new_feed, visibility="private")
    cursor = server.request("GET", f"/v1/feeds/{feed}").json()["cursor"]
    asked = 0
    gives = True

    async def tickets() -> str:
        nonlocal asked
        asked += 1
        # A poll is told nothing before its ticket's end.
        given = {"ttl_s": 8 if transport == "poll" else 20}
        path = f"/v1/feeds/{feed}/tickets"
        made = await asyncio.to_thread(server.request, "POST", path, given)
        return str(made.json()["ticket"]) if gives else "st_none"

    sent: list[str] = []
    found: list[str] = []

    async def read() -> None:
        line = follow(
            server.url, feed, since=cursor, tickets=tickets, transport=transport
        )
        async with aclosing(line):
            async for message in line:
                post = message["post"]
                found.append(post["headline"])

    async with asyncio.timeout(WITHIN_S):
        reading = asyncio.create_task(read())
        while not (reading.done() or (asked >= 3 and found == sent)):
            if asked < 3:
                sent.append(str(len(sent)))
                await asyncio.to_thread(server.publish, feed, "x", headline=sent[-1])
            await asyncio.sleep(0.5)
        assert (found, reading.done()) == (sent, False)
        gives = False
        with pytest.raises(LineRefused) as refused:
            await reading
    assert refused.value.code == 4401
    assert found == sent
