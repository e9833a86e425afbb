"""A meter that tests ask."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from stoppress.metric_instruments import (
    ByLabel,
    Counter,
    Gauge,
    Histogram,
    Meter,
    Total,
)


class Counted(NamedTuple):
    """One call of an instrument."""

    name: str
    label: str
    amount: float


class Tally(Meter):
    """Writes down every count, in its order."""

    def __init__(self) -> None:
        self.counted: list[Counted] = []
        self.totals: dict[str, Total] = {}

    def of(self, name: str) -> list[Counted]:
        """Every call of one instrument."""
        return [one for one in self.counted if one.name == name]

    def sum(self, name: str) -> int:
        """All its amounts together."""
        total = self.totals.get(name)
        if total is not None:
            return int(total.value)
        return int(sum(one.amount for one in self.of(name)))

    def counter(self, name: str, help: str) -> Counter:
        """A counter."""
        return Counter(self._takes(name))

    def counters(
        self, name: str, help: str, label: str, values: Iterable[str] = ()
    ) -> ByLabel[Counter]:
        """Counters by label."""
        return ByLabel(lambda value: Counter(self._takes(name, value)), values)

    def total(self, name: str, help: str) -> Total:
        """A total."""
        return self.totals.setdefault(name, Total())

    def gauge(self, name: str, help: str) -> Gauge:
        """A gauge."""
        return Gauge(self._takes(name), self._takes(name))

    def gauges(self, name: str, help: str, label: str) -> ByLabel[Gauge]:
        """Gauges by label."""
        return ByLabel(lambda value: Gauge(self._takes(name, value)))

    def histogram(self, name: str, help: str, bounds: Sequence[float]) -> Histogram:
        """A histogram."""
        return Histogram(self._takes(name))

    def _takes(self, name: str, label: str = "") -> Callable[..., None]:
        def take(amount: float = 1) -> None:
            self.counted.append(Counted(name, label, amount))

        return take
