"""Counters, gauges and histograms, each declared once, beside the code that counts.

Rules:
- A class of metrics (`HubMetrics`, …) takes a `Meter` and declares each of its metrics
  with name, help, kind and label in one line; the code that counts calls it. This
  `Meter` makes instruments that count nothing; the one in `metrics` makes Prometheus'.
- An instrument must not wait, raise or allocate. A count that changes a thousand times
  per second is a `Total`: one addition, which the meter collects once per second.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Generic, Protocol, TypeVar

T = TypeVar("T")


class TakesAmount(Protocol):
    """Adds an amount."""

    def __call__(self, amount: float = 1, /) -> None: ...


def _nothing(amount: float = 1, /) -> None:
    pass


class Counter:
    """A count that only grows."""

    __slots__ = ("add",)

    def __init__(self, add: TakesAmount = _nothing) -> None:
        self.add = add


class Gauge:
    """A value that rises and falls."""

    __slots__ = ("add", "set")

    def __init__(
        self, add: TakesAmount = _nothing, set: Callable[[float], None] = _nothing
    ) -> None:
        self.add = add
        self.set = set


class Histogram:
    """The distribution of a value."""

    __slots__ = ("observe",)

    def __init__(self, observe: Callable[[float], None] = _nothing) -> None:
        self.observe = observe


class Total:
    """A counter of the hot path: the sum since it was last collected."""

    __slots__ = ("value",)

    def __init__(self) -> None:
        self.value: float = 0

    def add(self, amount: float = 1) -> None:
        """Add an amount. In code for which this is too slow, add to `value`."""
        self.value += amount


class ByLabel(dict[str, T], Generic[T]):
    """One instrument per value of a label, made at its first use."""

    def __init__(self, make: Callable[[str], T], values: Iterable[str] = ()) -> None:
        super().__init__()
        self._make = make
        for value in values:
            self[value] = make(value)

    def __missing__(self, value: str) -> T:
        made = self[value] = self._make(value)
        return made


class Meter:
    """Makes instruments. Those of this class count nothing."""

    def counter(self, name: str, help: str) -> Counter:
        """A counter; Prometheus shows it as `<name>_total`."""
        return Counter()

    def counters(
        self, name: str, help: str, label: str, values: Iterable[str] = ()
    ) -> ByLabel[Counter]:
        """A counter per value of a label; `values` are shown from the start, as 0."""
        return ByLabel(lambda _: Counter(), values)

    def total(self, name: str, help: str) -> Total:
        """A counter of the hot path."""
        return Total()

    def gauge(self, name: str, help: str) -> Gauge:
        """A gauge; shown as the sum over all running workers."""
        return Gauge()

    def gauges(self, name: str, help: str, label: str) -> ByLabel[Gauge]:
        """A gauge per value of a label."""
        return ByLabel(lambda _: Gauge())

    def histogram(self, name: str, help: str, bounds: Sequence[float]) -> Histogram:
        """A histogram with these upper bounds."""
        return Histogram()


NO_METER = Meter()
"""For code whose metrics are not collected."""
