"""Costly work in turn by client."""

from __future__ import annotations

import asyncio

import pytest

from stoppress.guard.fair_slots import FairSlots, NoSlot

pytestmark = pytest.mark.asyncio


async def settle() -> None:
    """Let every task go as far as it can."""
    for _ in range(20):
        await asyncio.sleep(0)


class Work:
    """Pieces of work that end when they are told."""

    def __init__(self, slots: FairSlots) -> None:
        self.slots = slots
        self.begun: list[str] = []
        self.end = asyncio.Event()
        self.tasks: list[asyncio.Task[None]] = []

    async def _run(self, client: str) -> None:
        async with self.slots.slot(client):
            self.begun.append(client)
            await self.end.wait()

    def start(self, client: str) -> asyncio.Task[None]:
        """Begin one for a client."""
        task = asyncio.create_task(self._run(client))
        self.tasks.append(task)
        return task


async def test_one_clients_requests_delay_another_by_one() -> None:
    """In turn, and no more at once than there are slots."""
    work = Work(FairSlots(1, 1000))
    for _ in range(100):
        work.start("crowd")
    await settle()
    work.start("reader")
    await settle()
    assert work.begun == ["crowd"]
    work.end.set()
    await asyncio.gather(*work.tasks)
    assert work.begun.index("reader") <= 2 and len(work.begun) == 101


async def test_too_many_are_refused_at_once() -> None:
    """A client's share is a quarter: another may still wait."""
    work = Work(FairSlots(2, 8))
    for _ in range(2 + 2):
        work.start("crowd")
    await settle()
    over = work.start("crowd")
    await settle()
    assert isinstance(over.exception(), NoSlot)
    other = work.start("reader")
    await settle()
    assert not other.done()
    work.end.set()
    await asyncio.gather(*work.tasks, return_exceptions=True)
    assert work.begun.count("reader") == 1 and work.begun.count("crowd") == 4


async def test_a_cancelled_request_gives_its_slot_on() -> None:
    """While it waits, and just as it is served: no slot is lost."""
    slots = FairSlots(1, 100)
    work = Work(slots)
    first = work.start("a")
    await settle()
    waiting, next_one = work.start("b"), work.start("c")
    await settle()
    waiting.cancel()
    await settle()
    first.cancel()
    next_one.cancel()
    await settle()
    work.end.set()
    await asyncio.wait_for(work.start("d"), 60)
    assert work.begun == ["a", "d"]
    assert (slots._free, slots._count, len(slots._waiting)) == (1, 0, 0)


async def test_without_slots_there_is_no_limit() -> None:
    """As for benches."""
    work = Work(FairSlots(0, 0))
    for _ in range(50):
        work.start("a")
    await settle()
    assert len(work.begun) == 50
    work.end.set()
    await asyncio.gather(*work.tasks)
