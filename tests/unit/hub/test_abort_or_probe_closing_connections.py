"""Readers on their way out: cut when their time is up, with one timer."""

from __future__ import annotations

import asyncio

import pytest

from stoppress.hub.abort_or_probe_closing_connections import (
    CLOSES_PER_TURN,
    ClosingConnections,
)

pytestmark = pytest.mark.asyncio


class Leaver:
    """Notes when it is cut."""

    def __init__(self) -> None:
        self.done = asyncio.Event()

    def abort(self) -> None:
        """End now."""
        self.done.set()


async def test_all_connections_are_aborted_in_time_with_one_timer() -> None:
    leaving = ClosingConnections(0.01)
    leavers = [Leaver() for _ in range(50)]
    for leaver in leavers:
        leaving.abort_later(leaver)
        assert leaving._timer is not None
    async with asyncio.timeout(60):
        for leaver in leavers:
            await leaver.done.wait()
    assert leaving._timer is None


async def test_all_are_aborted_at_once_without_a_grace_time() -> None:
    leaving = ClosingConnections(3600)
    leaver = Leaver()
    leaving.abort_later(leaver)
    leaving.abort_all()
    assert leaver.done.is_set()
    assert leaving._timer is None


async def test_a_few_connections_per_turn_are_closed() -> None:
    leaving = ClosingConnections()
    closed: list[int] = []
    for number in range(3 * CLOSES_PER_TURN):
        leaving.close_soon(lambda number=number: closed.append(number))  # type: ignore[misc]
    assert closed == []
    turns = []
    while len(closed) < 3 * CLOSES_PER_TURN:
        await asyncio.sleep(0)
        turns.append(len(closed))
    assert turns == [CLOSES_PER_TURN, 2 * CLOSES_PER_TURN, 3 * CLOSES_PER_TURN]
    assert closed == list(range(3 * CLOSES_PER_TURN))
    leaving.close_soon(lambda: closed.append(-1))
    leaving.abort_all()
    assert closed[-1] == -1
