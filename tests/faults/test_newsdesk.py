"""An editor keeps its rate with several hands, and is still when it is asked to."""

from __future__ import annotations

import asyncio

from tests.faults.newsdesk import Newsdesk
from tests.faults.terms import SEED


class Slow(Newsdesk):
    """Its server answers when the test says so."""

    def __init__(self, hands: int) -> None:
        super().__init__("", SEED, "flood", 1e6, hands)
        self.answered = asyncio.Event()
        self.begun: asyncio.Queue[None] = asyncio.Queue()
        self.under_way = 0

    async def deed(self) -> None:
        """A write."""
        self.under_way += 1
        self.begun.put_nowait(None)
        await self.answered.wait()
        self.under_way -= 1

    async def _try_what_is_wrong(self) -> None:
        await self.deed()


async def wait_for_what_is_not_answered(hands: int) -> None:
    """As many deeds as hands are under way; a pause waits for them, and holds."""
    desk = Slow(hands)
    async with asyncio.timeout(60), asyncio.TaskGroup() as group:
        group.create_task(desk.work())
        for _ in range(hands):
            await desk.begun.get()
        assert desk.under_way == hands
        assert desk.begun.empty()
        desk.answered.set()
        async with desk.paused():
            assert desk.under_way == 0
            done = desk.deeds
            assert done >= hands
        await desk.begun.get()
        desk.finish()
    assert desk.deeds > done


def test_one_hand_does_one_thing() -> None:
    """The next deed waits for it."""
    asyncio.run(wait_for_what_is_not_answered(1))


def test_deeds_do_not_wait_for_each_other() -> None:
    """They begin when they are due."""
    asyncio.run(wait_for_what_is_not_answered(7))
