"""Whatever speaks Redis can publish: once, in order, and with an answer if refused."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, cast

import pytest

from stoppress.desk.caller import Caller
from stoppress.domain.errors import Damaged, Invalid, MissingScope, Unavailable
from stoppress.domain.signed_redis_inbox_entry import (
    MAX_SKEW_MS,
    InboxEntry,
    signed_entry,
)
from stoppress.log.pool import Pool
from stoppress.log.publish_from_redis_inbox import REMEMBER_S, Inbox
from tests.contract.store.servers import Server
from tests.waiting import until

pytestmark = pytest.mark.asyncio

INBOX = "stoppress:inbox"
REFUSED = "stoppress:inbox:refused"


CALLER = Caller(id="t", name="t", kind="token", scopes=("publish",))


class RecordingDesk:
    """A desk that records what is published, and refuses what it is told to."""

    def __init__(self) -> None:
        self.came: list[tuple[str, str, bytes, str]] = []
        self.wrong: Exception | None = None

    async def check(self, entry: InboxEntry) -> Caller:
        """Whose entry it is: anybody's."""
        return CALLER

    async def publish(self, caller: Caller, entry: InboxEntry) -> None:
        """Take one post."""
        if self.wrong is not None:
            raise self.wrong
        self.came.append((caller.id, entry.feed, entry.post, entry.id))


@asynccontextmanager
async def running(link: Pool, desk: RecordingDesk, **more: Any) -> AsyncIterator[None]:
    """An inbox that runs."""
    task = asyncio.create_task(Inbox(link, desk.check, desk.publish, **more).run())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def signed(post: str, off_ms: int = 0) -> dict[str, str]:
    """The fields of an entry."""
    return signed_entry("sp_t", "x", post, time.time_ns() // 1_000_000 + off_ms)


def put(server: Server, **fields: str) -> str:
    """Put an entry in; its id."""
    with server.client() as client:
        ident = cast(bytes, client.xadd(INBOX, cast(Any, fields)))
    return ident.decode()


def length(server: Server, stream: str) -> int:
    """How many entries a stream holds."""
    with server.client() as client:
        return int(client.xlen(stream))


async def test_entries_are_published_in_order_and_deleted(
    link: Pool, server: Server
) -> None:
    """The idempotency key is the entry's id."""
    desk = RecordingDesk()
    before = [put(server, **signed(f"{i}")) for i in range(50)]
    async with running(link, desk):
        after = [put(server, **signed(f"{i}")) for i in range(50, 80)]
        await until(lambda: len(desk.came) == 80)
        await until(lambda: length(server, INBOX) == 0)
    expected = [
        ("t", "x", str(i).encode(), key) for i, key in enumerate(before + after)
    ]
    assert desk.came == expected
    with server.client() as client:
        assert client.xpending(INBOX, "stoppress")["pending"] == 0


@pytest.mark.parametrize(
    ("fields", "wrong", "reason"),
    [
        ({"mac": None}, None, "mac: is missing"),
        ({"key": None, "token": "sp_t"}, None, "revoke that token"),
        ({"token": "sp_t", "post": "x" * 2000}, None, "revoke that token"),
        ({"post": "x" * 2000}, None, "2000 bytes"),
        ({"at": "12"}, None, "set the clock"),
        ({}, MissingScope("publish", "x"), "scope 'publish'"),
        ({}, Invalid("headline", "too long"), "headline: too long"),
        ({}, RuntimeError("bug"), "see its log"),
        ({}, Damaged("x", "WRONGTYPE"), "the stored data of the feed 'x' is damaged"),
    ],
)
async def test_invalid_entries_are_set_aside_with_the_reason(
    link: Pool,
    server: Server,
    fields: dict[str, str | None],
    wrong: Exception | None,
    reason: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Without their token; later entries go on."""
    desk = RecordingDesk()
    desk.wrong = wrong
    given = {k: v for k, v in (signed("{}") | fields).items() if v is not None}
    ident = put(server, **given)
    async with running(link, desk, max_bytes=1000):
        await until(lambda: length(server, REFUSED) == 1)
        desk.wrong = None
        put(server, **signed("next"))
        await until(lambda: desk.came)
    with server.client() as client:
        ((_, kept),) = client.xrange(REFUSED)
    assert reason in kept[b"reason"].decode()
    assert kept[b"id"].decode() == ident
    assert kept[b"post"].decode() == given["post"][:1000]
    assert not {b"token", b"mac", b"key"} & set(kept)
    warned = any("revoke that token" in line for line in caplog.messages)
    assert warned == ("token" in fields) and "sp_t" not in caplog.text


async def test_a_signed_entry_counts_once(link: Pool, server: Server) -> None:
    """A copy with another id is refused, until its signature is too old."""
    desk = RecordingDesk()
    first, other = signed("first"), signed("other")
    ident = put(server, **first)
    async with running(link, desk):
        await until(lambda: len(desk.came) == 1)
        put(server, **first)
        put(server, **(first | {"mac": first["mac"].upper()}))
        put(server, **other)
        await until(lambda: len(desk.came) == 2)
    assert [raw for _, _, raw, _ in desk.came] == [b"first", b"other"]
    with server.client() as client:
        refused = [kept[b"reason"].decode() for _, kept in client.xrange(REFUSED)]
        assert len(refused) == 2
        assert all(f"a copy of the entry {ident}" in reason for reason in refused)
        kept_s = client.ttl(f"{INBOX}:taken:{first['mac']}")
        assert MAX_SKEW_MS / 1000 < kept_s <= REMEMBER_S


async def test_an_entry_that_waited_too_long_is_refused(
    link: Pool, server: Server
) -> None:
    """Its signature may be forgotten by then: it could be a copy."""
    desk = RecordingDesk()
    late = time.time_ns() // 1_000_000 + REMEMBER_S * 1000 + 60_000
    put(server, **signed("late"))
    async with running(link, desk, clock=lambda: late):
        await until(lambda: length(server, REFUSED) == 1)
    assert desk.came == []


async def test_entries_wait_while_the_store_is_unavailable(
    link: Pool, server: Server
) -> None:
    """None is refused, none lost, and the order is kept."""
    desk = RecordingDesk()
    desk.wrong = Unavailable("away")
    keys = [put(server, **signed(f"{i}")) for i in range(5)]
    async with running(link, desk):
        with server.client() as client:
            await until(lambda: b"stoppress" in str(_groups(client)).encode())
        keys.append(put(server, **signed("5")))
        await asyncio.to_thread(server.kill)
        await asyncio.to_thread(server.start)
        desk.wrong = None
        await until(lambda: len(desk.came) == 6)
        await until(lambda: length(server, INBOX) == 0)
    assert [key for *_, key in desk.came] == keys
    assert length(server, REFUSED) == 0


async def test_entries_of_a_dead_consumer_are_taken_over(
    link: Pool, server: Server
) -> None:
    """After a while; under the same key, so each is published once."""
    key = put(server, **signed("left"))
    with server.client() as client:
        client.xgroup_create(INBOX, "stoppress", id="0", mkstream=True)
        client.xreadgroup("stoppress", "dead", {INBOX: ">"})
    desk = RecordingDesk()
    async with running(link, desk, claim_after_s=0.0):
        await until(lambda: desk.came)
    assert desk.came == [("t", "x", b"left", key)]


async def test_several_consumers_share_the_inbox(link: Pool, server: Server) -> None:
    """Each entry goes to one of them."""
    desks = [RecordingDesk(), RecordingDesk()]
    async with running(link, desks[0]), running(link, desks[1]):
        for i in range(200):
            put(server, **signed(f"{i}"))
        await until(lambda: len(desks[0].came) + len(desks[1].came) >= 200)
        await until(lambda: length(server, INBOX) == 0)
    came = sorted(int(raw) for desk in desks for _, _, raw, _ in desk.came)
    assert came == list(range(200))


def _groups(client: Any) -> Any:
    try:
        return client.xinfo_groups(INBOX)
    except Exception:
        return ""
