"""An arrival queue on a loop that a test turns, and connections that wait in it."""

from __future__ import annotations

from collections.abc import Callable

from stoppress.web.line.arrival_queue import (
    ArrivalMetrics,
    ArrivalOutcome,
    ArrivalQueue,
)
from tests.unit.web.line.live_harness import Ledger

COST_S = 0.0001
"""What it takes to let one in here: ten fill a slice."""


class QueueOnFakeLoop:
    """An arrival queue on a loop that the test turns."""

    def __init__(self, per_second: int = 0) -> None:
        self.now = 100.0
        self.ledger = Ledger()
        self.calls: list[tuple[float, Callable[[], None]]] = []
        self.admitted: list[int] = []
        self.arrival_queue = ArrivalQueue(
            self._later, ArrivalMetrics(self.ledger), per_second, lambda: self.now
        )

    def _later(self, seconds: float, call: Callable[[], None]) -> None:
        self.calls.append((self.now + seconds, call))

    def turn(self) -> int:
        """One turn of the loop, at once if something is due; how many were admitted."""
        before = len(self.admitted)
        self.now = max(self.now, min((at for at, _ in self.calls), default=self.now))
        due = [call for at, call in self.calls if at <= self.now]
        self.calls = [entry for entry in self.calls if entry[0] > self.now]
        for call in due:
            call()
        return len(self.admitted) - before


class FakeConnection:
    """A connection that waits in the queue."""

    def __init__(
        self, loop: QueueOnFakeLoop, number: int, is_plain: bool = False
    ) -> None:
        self.loop = loop
        self.number = number
        self.is_plain = is_plain
        self.is_paused = False
        self.is_cut = False
        self.has_left = False

    def pause(self) -> None:
        """Stop reading."""
        self.is_paused = True

    def admit(self, waited_s: float) -> ArrivalOutcome:
        """Be admitted, at a cost of COST_S."""
        if self.has_left:
            return ArrivalOutcome.GONE
        self.loop.admitted.append(self.number)
        self.loop.now += COST_S
        return ArrivalOutcome.PLAIN if self.is_plain else ArrivalOutcome.WHOLE

    def close(self) -> None:
        """Closed."""
        self.is_cut = True
