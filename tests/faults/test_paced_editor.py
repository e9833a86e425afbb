"""An editor keeps its rate by concurrent actions, and pauses on request."""

from __future__ import annotations

import asyncio

from tests.faults.fault_kind import SEED
from tests.faults.paced_editor import PacedEditor


class Slow(PacedEditor):
    """Its server answers when the test says so."""

    def __init__(self, concurrency: int) -> None:
        super().__init__("", SEED, "flood", 1e6, concurrency)
        self.answered = asyncio.Event()
        self.begun: asyncio.Queue[None] = asyncio.Queue()
        self.under_way = 0

    async def act(self) -> None:
        """A write."""
        self.under_way += 1
        self.begun.put_nowait(None)
        await self.answered.wait()
        self.under_way -= 1

    async def _try_invalid_write(self) -> None:
        await self.act()


async def assert_concurrent_actions(concurrency: int) -> None:
    """`concurrency` actions are in progress; a pause waits for them and lasts."""
    desk = Slow(concurrency)
    async with asyncio.timeout(60), asyncio.TaskGroup() as group:
        group.create_task(desk.work())
        for _ in range(concurrency):
            await desk.begun.get()
        assert desk.under_way == concurrency
        assert desk.begun.empty()
        desk.answered.set()
        async with desk.paused():
            assert desk.under_way == 0
            done = desk.actions
            assert done >= concurrency
        await desk.begun.get()
        desk.finish()
    assert desk.actions > done


def test_without_concurrency_an_action_waits_for_the_one_before() -> None:
    """The server answers only later."""
    asyncio.run(assert_concurrent_actions(1))


def test_concurrent_actions_do_not_wait_for_each_other() -> None:
    """They begin when they are due."""
    asyncio.run(assert_concurrent_actions(7))
