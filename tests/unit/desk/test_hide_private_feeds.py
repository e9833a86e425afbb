"""What strangers may know of: one read for a crowd, the same for private and absent."""

from __future__ import annotations

import asyncio
import json

import pytest

from stoppress.desk.hide_private_feeds import KNOWN_S, MAX_KNOWN, FeedDisclosure
from stoppress.domain.errors import Unavailable

pytestmark = pytest.mark.asyncio


class Bodies:
    """A store of feeds alone."""

    def __init__(self) -> None:
        self.kept: dict[str, bytes] = {"damaged": b"{"}
        for slug, visibility in (("open", "public"), ("shut", "private")):
            self.kept[slug] = json.dumps({"visibility": visibility}).encode()
        self.reads = 0
        self.away = False

    async def feed_body(self, feed: str) -> bytes | None:
        self.reads += 1
        await asyncio.sleep(0)
        if self.away:
            raise Unavailable("away")
        return self.kept.get(feed)


async def test_concurrent_checks_share_one_read() -> None:
    """Later ones too, while it is valid; then it is read again."""
    store, now = Bodies(), [0.0]
    feeds = FeedDisclosure(store, lambda: now[0])
    assert all(await asyncio.gather(*(feeds.may_know("open") for _ in range(50))))
    assert await feeds.may_know("open")
    assert store.reads == 1
    now[0] = KNOWN_S
    assert await feeds.may_know("open")
    assert store.reads == 2


async def test_private_and_absent_are_read_each_time() -> None:
    """Neither is remembered: both cost the same, always."""
    store = Bodies()
    feeds = FeedDisclosure(store)
    for name in ("shut", "absent"):
        store.reads = 0
        for _ in range(3):
            assert not await feeds.may_know(name)
        assert store.reads == 3


async def test_a_damaged_record_is_for_the_reader_to_say() -> None:
    store = Bodies()
    for body in (b"{", b'{"visibility":"\xff"}', b'{"x":' + b"[" * 5000):
        store.kept["damaged"] = body
        assert await FeedDisclosure(store).may_know("damaged")


async def test_a_store_that_is_away_is_told_to_everybody() -> None:
    """And the next request looks again."""
    store = Bodies()
    store.away = True
    feeds = FeedDisclosure(store)
    asked = [feeds.may_know("open") for _ in range(3)]
    found = await asyncio.gather(*asked, return_exceptions=True)
    assert [type(one) for one in found] == [Unavailable] * 3
    store.away = False
    assert await feeds.may_know("open")


async def test_the_number_of_remembered_feeds_is_bounded() -> None:
    store = Bodies()
    feeds = FeedDisclosure(store)
    for number in range(MAX_KNOWN + 1):
        store.kept[f"f{number}"] = store.kept["open"]
        await feeds.may_know(f"f{number}")
    store.reads = 0
    await feeds.may_know(f"f{MAX_KNOWN}")
    await feeds.may_know("f0")
    assert store.reads == 1
