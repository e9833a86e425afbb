"""Who waits for a log is woken when it moves, and not before."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from stoppress.domain.cursor import Cursor
from stoppress.domain.errors import Unavailable
from stoppress.webhooks import poll_feed_heads
from stoppress.webhooks.poll_feed_heads import FeedHeads
from tests.waiting import until

pytestmark = pytest.mark.asyncio

LONG_S = 3600.0


class Heads:
    """A store of heads, which counts the reads."""

    def __init__(self) -> None:
        self.kept = {"x": Cursor("e", 1), "y": Cursor("e", 5)}
        self.reads: list[list[str]] = []
        self.away = False

    async def heads(self, feeds: Sequence[str]) -> Sequence[Cursor | None]:
        """The heads, unless it is away."""
        self.reads.append(sorted(feeds))
        if self.away:
            raise Unavailable("no")
        return [self.kept.get(feed) for feed in feeds]


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Short pauses."""
    monkeypatch.setattr(poll_feed_heads, "HEADS_LOOK_S", 0.01)


async def test_those_of_a_log_that_moves_are_woken() -> None:
    """A new epoch and the end of the feed are a move; one read covers all logs."""
    store = Heads()
    heads = FeedHeads(store)
    async with asyncio.TaskGroup() as group:
        running = group.create_task(heads.run())
        one, two, other = (
            group.create_task(heads.moved(feed, store.kept[feed], LONG_S))
            for feed in "xxy"
        )
        await until(lambda: len(store.reads) > 2)
        assert store.reads[-1] == ["x", "y"]
        assert not one.done() and not two.done() and not other.done()
        store.kept["x"] = Cursor("f", 1)
        await until(lambda: one.done() and two.done())
        assert not other.done()
        del store.kept["y"]
        await until(other.done)
        count = len(store.reads)
        await asyncio.sleep(0.05)
        assert len(store.reads) <= count + 1  # nobody waits
        running.cancel()


async def test_a_wait_ends_after_its_time() -> None:
    """With the log as it was."""
    store = Heads()
    await FeedHeads(store).moved("x", store.kept["x"], 0.01)


async def test_all_are_woken_if_the_heads_cannot_be_read() -> None:
    """Each looks for itself then; the next read is made all the same."""
    store = Heads()
    store.away = True
    heads = FeedHeads(store)
    running = asyncio.create_task(heads.run())
    await heads.moved("x", store.kept["x"], LONG_S)
    store.away = False
    later = asyncio.create_task(heads.moved("x", Cursor("e", 0), LONG_S))
    await until(later.done)
    running.cancel()
