"""The metrics in Prometheus' format, over all processes of a server.

Rules:
- Metrics are declared beside the code that counts (`hub/hub_metrics.py`,
  `log/log_metrics.py`, …), never here.
- Several workers count in files of one folder (the supervisor names it in
  PROMETHEUS_MULTIPROC_DIR), and the worker that answers adds them up: counters of
  ended workers stay in the sum, gauges do not.
- Children of labels are looked up once. Totals and the changes of gauges are summed up
  first: with several workers each count is a write to a file, and these took 4 % of a
  burst. So a change in another worker may appear a second later.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence

import prometheus_client as prometheus
from prometheus_client import CollectorRegistry
from prometheus_client.multiprocess import MultiProcessCollector

from stoppress.metric_instruments import (
    ByLabel,
    Counter,
    Gauge,
    Histogram,
    Meter,
    Total,
)

# The creation time of each series would double their number, and is not used.
prometheus.disable_created_metrics()  # type: ignore[no-untyped-call]  # not typed


class ProcessMetrics(Meter):
    """The counts of one process; `exposition` shows those of all workers."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self._totals: list[tuple[Total, prometheus.Counter | prometheus.Gauge]] = []

    def counter(self, name: str, help: str) -> Counter:
        """A counter; it is shown as `<name>_total`."""
        return Counter(prometheus.Counter(name, help, registry=self._registry).inc)

    def counters(
        self, name: str, help: str, label: str, values: Iterable[str] = ()
    ) -> ByLabel[Counter]:
        """A counter per value of a label."""
        family = prometheus.Counter(name, help, [label], registry=self._registry)
        return ByLabel(lambda value: Counter(family.labels(value).inc), values)

    def total(self, name: str, help: str) -> Total:
        """A counter of the hot path, collected by `add_up`."""
        total = Total()
        shown = prometheus.Counter(name, help, registry=self._registry)
        self._totals.append((total, shown))
        return total

    def gauge(self, name: str, help: str) -> Gauge:
        """A gauge: the sum over all running workers."""
        return self._summed(self._gauge(name, help, ()))

    def gauges(self, name: str, help: str, label: str) -> ByLabel[Gauge]:
        """A gauge per value of a label."""
        family = self._gauge(name, help, (label,))
        return ByLabel(lambda value: self._summed(family.labels(value)))

    def histogram(self, name: str, help: str, bounds: Sequence[float]) -> Histogram:
        """A histogram with these upper bounds."""
        shown = prometheus.Histogram(
            name, help, registry=self._registry, buckets=bounds
        )
        return Histogram(shown.observe)

    def add_up(self) -> None:
        """Add the totals since the last call to the counters; once per second.

        An idle worker writes no file.
        """
        for total, shown in self._totals:
            if total.value:
                shown.inc(total.value)
                total.value = 0

    def exposition(self) -> bytes:
        """Everything counted, in Prometheus' text format (version 0.0.4)."""
        self.add_up()
        if "PROMETHEUS_MULTIPROC_DIR" not in os.environ:
            return prometheus.generate_latest(self._registry)
        everyone = CollectorRegistry()
        MultiProcessCollector(everyone)  # type: ignore[no-untyped-call]  # not typed
        return prometheus.generate_latest(everyone)

    def _summed(self, shown: prometheus.Gauge) -> Gauge:
        """A gauge whose changes are summed up first: thousands arrive at once."""
        changes = Total()
        self._totals.append((changes, shown))

        def set_to(value: float, /) -> None:
            changes.value = 0
            shown.set(value)

        return Gauge(changes.add, set_to)

    def _gauge(self, name: str, help: str, labels: Sequence[str]) -> prometheus.Gauge:
        return prometheus.Gauge(
            name,
            help,
            labels,
            registry=self._registry,
            multiprocess_mode="livesum",
        )
