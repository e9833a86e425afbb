"""The Prometheus side of what is counted: `meter` with instruments that show.

Rules:
- What there is to count is declared by who counts (`hub/hub_metrics.py`,
  `log/log_metrics.py`, …), nowhere here.
- With several workers each counts into files of one folder (the supervisor names
  it in PROMETHEUS_MULTIPROC_DIR), and whoever is asked adds them up: counters of
  workers that died stay in the sum, what they held does not.
- Children of labels are looked up once. Totals are summed up first: with several
  workers each count is a write to a file, and these took 4 % of a burst. So what
  another worker delivered may show a second later.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence

import prometheus_client as prometheus
from prometheus_client import CollectorRegistry
from prometheus_client.multiprocess import MultiProcessCollector

from stoppress.metric_types import ByLabel, Counter, Gauge, Histogram, Meter, Total

# When each series began doubles their number, and tells nobody here anything.
prometheus.disable_created_metrics()  # type: ignore[no-untyped-call]  # not typed


class ProcessMetrics(Meter):
    """The counts of one process; `exposition` shows those of all workers."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self._totals: list[tuple[Total, prometheus.Counter]] = []

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
        """A gauge: the sum over all workers that live."""
        gauge = self._gauge(name, help, ())
        return Gauge(gauge.inc, gauge.set)

    def gauges(self, name: str, help: str, label: str) -> ByLabel[Gauge]:
        """A gauge per value of a label."""
        family = self._gauge(name, help, (label,))

        def make(value: str) -> Gauge:
            child = family.labels(value)
            return Gauge(child.inc, child.set)

        return ByLabel(make)

    def histogram(self, name: str, help: str, bounds: Sequence[float]) -> Histogram:
        """A histogram with these upper bounds."""
        shown = prometheus.Histogram(
            name, help, registry=self._registry, buckets=bounds
        )
        return Histogram(shown.observe)

    def add_up(self) -> None:
        """Count what the totals summed up since; once per second.

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

    def _gauge(self, name: str, help: str, labels: Sequence[str]) -> prometheus.Gauge:
        return prometheus.Gauge(
            name,
            help,
            labels,
            registry=self._registry,
            multiprocess_mode="livesum",
        )
