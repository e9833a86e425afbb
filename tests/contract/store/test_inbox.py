"""Whatever speaks Redis can publish: once, in order, and with an answer if refused."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, cast

import pytest

from stoppress.domain.errors import Invalid, MissingScope, Unavailable
from stoppress.log.inbox import Inbox
from stoppress.log.pool import Pool
from tests.contract.store.servers import Server
from tests.waiting import until

pytestmark = pytest.mark.asyncio

INBOX = "stoppress:inbox"
REFUSED = "stoppress:inbox:refused"


class Door:
    """The desk's door: notes what comes, and refuses what it is told to."""

    def __init__(self) -> None:
        self.came: list[tuple[str, str, bytes, str]] = []
        self.wrong: Exception | None = None

    async def publish(self, token: str, feed: str, raw: bytes, key: str) -> None:
        """Take one post."""
        if self.wrong is not None:
            raise self.wrong
        self.came.append((token, feed, raw, key))


@asynccontextmanager
async def running(
    link: Pool,
    publish: Callable[[str, str, bytes, str], Awaitable[object]],
    **more: Any,
) -> AsyncIterator[None]:
    """An inbox that runs."""
    task = asyncio.create_task(Inbox(link, publish, **more).run())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def put(server: Server, **fields: str) -> str:
    """Put an entry in; its id."""
    with server.client() as client:
        ident = cast(bytes, client.xadd(INBOX, cast(Any, fields)))
    return ident.decode()


def length(server: Server, stream: str) -> int:
    """How many entries a stream holds."""
    with server.client() as client:
        return int(client.xlen(stream))


async def test_publishes_in_order_and_forgets(link: Pool, server: Server) -> None:
    """The key is the entry's id; afterwards nothing is left of it."""
    door = Door()
    before = [put(server, token="t", feed="x", post=f"{i}") for i in range(50)]
    async with running(link, door.publish):
        after = [put(server, token="t", feed="x", post=f"{i}") for i in range(50, 80)]
        await until(lambda: len(door.came) == 80)
        await until(lambda: length(server, INBOX) == 0)
    expected = [
        ("t", "x", str(i).encode(), key) for i, key in enumerate(before + after)
    ]
    assert door.came == expected
    with server.client() as client:
        assert client.xpending(INBOX, "stoppress")["pending"] == 0


@pytest.mark.parametrize(
    ("fields", "wrong", "reason"),
    [
        ({"token": "t", "feed": "x"}, None, "'post' is missing"),
        ({"feed": "x", "post": "{}"}, None, "'token' is missing"),
        ({"other": "t"}, None, "'token' is missing"),
        ({"token": "t", "feed": "x", "post": "x" * 2000}, None, "2000 bytes"),
        (
            {"token": "t", "feed": "x", "post": "{}"},
            MissingScope("write", "x"),
            "scope 'write'",
        ),
        (
            {"token": "t", "feed": "x", "post": "{}"},
            Invalid("headline", "too long"),
            "headline: too long",
        ),
        ({"token": "t", "feed": "x", "post": "{}"}, RuntimeError("bug"), "log says"),
    ],
)
async def test_refuses_with_a_reason(
    link: Pool,
    server: Server,
    fields: dict[str, str],
    wrong: Exception | None,
    reason: str,
) -> None:
    """What can't be published goes aside, without its token; the rest goes on."""
    door = Door()
    door.wrong = wrong
    ident = put(server, **fields)
    async with running(link, door.publish, max_bytes=1000):
        await until(lambda: length(server, REFUSED) == 1)
        door.wrong = None
        put(server, token="t", feed="x", post="next")
        await until(lambda: door.came)
    with server.client() as client:
        ((_, kept),) = client.xrange(REFUSED)
    assert reason in kept[b"reason"].decode()
    assert kept[b"id"].decode() == ident
    assert kept[b"post"].decode() == fields.get("post", "")[:1000]
    assert b"token" not in kept


async def test_waits_while_the_store_is_away(link: Pool, server: Server) -> None:
    """Nothing is refused, nothing is lost, and the order is kept."""
    door = Door()
    door.wrong = Unavailable("away")
    keys = [put(server, token="t", feed="x", post=f"{i}") for i in range(5)]
    async with running(link, door.publish):
        with server.client() as client:
            await until(lambda: b"stoppress" in str(_groups(client)).encode())
        keys.append(put(server, token="t", feed="x", post="5"))
        await asyncio.to_thread(server.kill)
        await asyncio.to_thread(server.start)
        door.wrong = None
        await until(lambda: len(door.came) == 6)
        await until(lambda: length(server, INBOX) == 0)
    assert [key for *_, key in door.came] == keys
    assert length(server, REFUSED) == 0


async def test_takes_over_what_a_dead_consumer_left(link: Pool, server: Server) -> None:
    """After a while; under the same key, so that it is published once."""
    key = put(server, token="t", feed="x", post="left")
    with server.client() as client:
        client.xgroup_create(INBOX, "stoppress", id="0", mkstream=True)
        client.xreadgroup("stoppress", "dead", {INBOX: ">"})
    door = Door()
    async with running(link, door.publish, claim_after_s=0.0):
        await until(lambda: door.came)
    assert door.came == [("t", "x", b"left", key)]


async def test_several_share_the_inbox(link: Pool, server: Server) -> None:
    """Each entry goes to one of them."""
    doors = [Door(), Door()]
    async with running(link, doors[0].publish), running(link, doors[1].publish):
        for i in range(200):
            put(server, token="t", feed="x", post=f"{i}")
        await until(lambda: len(doors[0].came) + len(doors[1].came) >= 200)
        await until(lambda: length(server, INBOX) == 0)
    came = sorted(int(raw) for door in doors for _, _, raw, _ in door.came)
    assert came == list(range(200))


def _groups(client: Any) -> Any:
    try:
        return client.xinfo_groups(INBOX)
    except Exception:
        return ""
