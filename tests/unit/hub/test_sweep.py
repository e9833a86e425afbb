"""Who is served when: slices, and the turns of the loop between them."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import cast

import pytest

from stoppress.hub.channel import Channel
from stoppress.hub.metrics import Uncounted
from stoppress.hub.sweep import SLICE_S, Sweep


class Work:
    """Stands for a channel that has so many slices to do."""

    def __init__(self, slices: int) -> None:
        self.awake = False
        self.left = slices

    def serve(self, allowance: int, deadline: float, clock: Callable[[], float]) -> int:
        """One slice, all of it."""
        self.left -= 1
        return allowance

    def is_behind(self) -> bool:
        """Whether there is more to do."""
        return self.left > 0


@pytest.mark.parametrize(
    ("turn_s", "turns"),
    [(0.0, [1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1]), (SLICE_S, [1, 1, 1])],
    ids=["short turns", "long turns"],
)
def test_the_loop_turns_between_slices_while_that_is_short(
    turn_s: float, turns: list[int]
) -> None:
    """Four short turns, or as much time as a slice: then the next slice."""
    calls: deque[Callable[[], None]] = deque()
    time = 0.0
    sweep = Sweep(calls.append, Uncounted(), lambda: time, 4)
    work = Work(3)
    sweep.wake(cast(Channel, work))
    sweep.wake(cast(Channel, work))  # it stands in the queue already
    found: list[int] = []
    while calls:
        before = work.left
        calls.popleft()()
        found.append(before - work.left)
        time += turn_s
    assert found == turns
    assert not work.awake


def test_channels_take_turns() -> None:
    calls: deque[Callable[[], None]] = deque()
    sweep = Sweep(calls.append, Uncounted(), lambda: 0.0, 0)
    long, short = Work(5), Work(1)
    sweep.wake(cast(Channel, long))
    sweep.wake(cast(Channel, short))
    calls.popleft()()
    calls.popleft()()
    assert (long.left, short.left) == (4, 0)
