"""Who is served when: one slice a turn of the loop, channels in turn."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import cast

import pytest

from stoppress.hub.channel import Channel
from stoppress.hub.delivery_scheduler import Sweep
from stoppress.hub.hub_metrics import HubMetrics


class Work:
    """Stands for a channel that has so many slices to do."""

    def __init__(self, slices: int, in_burst: bool = False) -> None:
        self.is_queued = False
        self.in_burst = in_burst
        self.left = slices

    def serve(self, allowance: int, deadline: float, clock: Callable[[], float]) -> int:
        """One slice, all of it."""
        self.left -= 1
        return allowance

    def is_behind(self) -> bool:
        """Whether there is more to do."""
        return self.left > 0


def test_a_turn_of_the_loop_is_one_slice() -> None:
    """So whatever else waits in the loop comes between two slices."""
    calls: deque[Callable[[], None]] = deque()
    sweep = Sweep(calls.append, HubMetrics(), lambda: 0.0)
    work = Work(3)
    sweep.wake(cast(Channel, work))
    sweep.wake(cast(Channel, work))  # it stands in the queue already
    found: list[int] = []
    while calls:
        assert len(calls) == 1
        before = work.left
        calls.popleft()()
        found.append(before - work.left)
    assert found == [1, 1, 1]
    assert not work.is_queued


def test_channels_take_turns() -> None:
    """A long one does not keep a short one waiting."""
    calls: deque[Callable[[], None]] = deque()
    sweep = Sweep(calls.append, HubMetrics(), lambda: 0.0)
    long, short = Work(5), Work(1)
    sweep.wake(cast(Channel, long))
    sweep.wake(cast(Channel, short))
    calls.popleft()()
    calls.popleft()()
    assert (long.left, short.left) == (4, 0)


def test_a_post_that_is_written_has_every_other_turn() -> None:
    """And readers the others, however long it takes."""
    calls: deque[Callable[[], None]] = deque()
    sweep = Sweep(calls.append, HubMetrics(), lambda: 0.0)
    work = Work(3)
    sweep.writes = 1
    sweep.wake(cast(Channel, work))
    found: list[int] = []
    while calls:
        assert len(calls) == 1
        calls.popleft()()
        found.append(work.left)
    assert found == [3, 2, 2, 1, 1, 0]


@pytest.mark.parametrize(
    ("in_burst", "writes", "expected"),
    [(True, 0, [2, 1]), (False, 1, [2, 1]), (False, 0, [])],
)
def test_the_core_is_offered_between_two_slices(
    in_burst: bool, writes: int, expected: list[int]
) -> None:
    """Where posts are on their way; and not after the last: the loop waits then."""
    calls: deque[Callable[[], None]] = deque()
    offered: list[int] = []
    work = Work(3, in_burst)
    sweep = Sweep(
        calls.append,
        HubMetrics(),
        lambda: 0.0,
        yield_core=lambda: offered.append(work.left),
    )
    sweep.writes = writes
    sweep.wake(cast(Channel, work))
    while calls:
        calls.popleft()()
    assert offered == expected


def test_a_failing_channel_affects_no_other() -> None:
    """It is told of the error, and the others are served."""

    class Fault(Work):
        def serve(self, *_: object) -> int:
            self.left = 0
            raise IndexError("beyond the end")

        def failed(self, fault: Exception) -> None:
            faults.append(fault)

    faults: list[Exception] = []
    calls: deque[Callable[[], None]] = deque()
    sweep = Sweep(calls.append, HubMetrics(), lambda: 0.0)
    other = Work(3)
    sweep.wake(cast(Channel, Fault(3)))
    sweep.wake(cast(Channel, other))
    while calls:
        calls.popleft()()
    assert [str(fault) for fault in faults] == ["beyond the end"]
    assert other.left == 0


def test_a_failing_scheduler_reports_and_ends() -> None:
    """The server does not go on without serving readers."""

    class Fault(Work):
        def serve(self, *_: object) -> int:
            raise IndexError("beyond the end")

        def failed(self, fault: Exception) -> None:
            raise fault

    calls: deque[Callable[[], None]] = deque()
    faults: list[Exception] = []
    sweep = Sweep(calls.append, HubMetrics(), lambda: 0.0, faults.append)
    sweep.wake(cast(Channel, Fault(3)))
    calls.popleft()()
    assert [str(fault) for fault in faults] == ["beyond the end"]
    assert not calls
