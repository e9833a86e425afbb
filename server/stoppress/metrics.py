"""What is counted, as Prometheus shows it.

Rules:
- With several workers each counts into files of one folder (the supervisor names
  it in PROMETHEUS_MULTIPROC_DIR), and whoever is asked adds them up: counters of
  workers that died stay in the sum, what they held does not.
- Children of labels are looked up once: counting on the hot path is one addition.
  What a sweep counts, a thousand times a second, is summed up first: with several
  workers each count is a write to a file, and these took 4 % of a burst. So what
  another worker delivered may show a second later.
"""

from __future__ import annotations

import os

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    disable_created_metrics,
    generate_latest,
)
from prometheus_client.multiprocess import MultiProcessCollector

from stoppress.wire.close_codes import CloseCode

# When each series began doubles their number, and tells nobody here anything.
disable_created_metrics()  # type: ignore[no-untyped-call]  # it has no types

_TURNS_S = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1)


class SweepTotals:
    """What sweeps did since it was last counted."""

    __slots__ = ("bytes", "encoded", "events", "seconds", "turns", "visits")

    def __init__(self) -> None:
        self.events = self.bytes = self.encoded = self.visits = self.turns = 0
        self.seconds = 0.0


class ProcessMetrics:
    """The counts of one process; `exposition` shows those of all workers."""

    def __init__(self) -> None:
        self._registry = registry = CollectorRegistry()
        self._readers = Gauge(
            "stoppress_readers",
            "Readers connected now, by transport.",
            ["wire"],
            registry=registry,
            multiprocess_mode="livesum",
        )
        self._readers_by_wire: dict[str, Gauge] = {}
        self._channels = Gauge(
            "stoppress_channels",
            "Feeds open in memory now, in each worker.",
            registry=registry,
            multiprocess_mode="livesum",
        )
        self._deliveries = Counter(
            "stoppress_deliveries",
            "Events taken by readers' sockets.",
            registry=registry,
        )
        self._delivered_bytes = Counter(
            "stoppress_delivered_bytes",
            "Bytes of events taken by readers' sockets.",
            registry=registry,
        )
        self._visits = Counter(
            "stoppress_sweep_visits", "Follows visited by sweeps.", registry=registry
        )
        self._turns = Counter(
            "stoppress_sweep_turns", "Turns of sweeps.", registry=registry
        )
        self._swept_s = Counter(
            "stoppress_sweep_seconds",
            "How long all turns of sweeps took.",
            registry=registry,
        )
        self._sums = SweepTotals()
        self._stuck = Counter(
            "stoppress_stuck",
            "Writes of which a reader's socket took less than it was given.",
            registry=registry,
        )
        self._paced = Counter(
            "stoppress_paced",
            "Answers to editors that waited until readers had what was before.",
            registry=registry,
        )
        self._closed = Counter(
            "stoppress_closed",
            "Live lines the server ended, by close code.",
            ["code"],
            registry=registry,
        )
        for code in CloseCode:
            self._closed.labels(code.value)
        self._resets = Counter(
            "stoppress_resets",
            "Follows told that they can't be continued.",
            registry=registry,
        )
        self._trimmed = Counter(
            "stoppress_trimmed_events",
            "Events that left a ring because all rings together were full.",
            registry=registry,
        )
        self._encoded = Counter(
            "stoppress_encoded",
            "Events encoded, once each, for all their readers.",
            registry=registry,
        )
        self._waited = Counter(
            "stoppress_handshakes_waited",
            "Newcomers that had to wait to be let in.",
            registry=registry,
        )
        self._shut_out = Counter(
            "stoppress_handshakes_shut_out",
            "Newcomers closed because too many waited, or for too long.",
            registry=registry,
        )
        self._heads_refused = Counter(
            "stoppress_heads_refused",
            "Connections closed because a request's head was too late, or too long.",
            registry=registry,
        )
        self._collections = Histogram(
            "stoppress_collector_pause_seconds",
            "How long the collector took to walk everything it watches.",
            registry=registry,
            buckets=_TURNS_S,
        )
        self._lateness = Histogram(
            "stoppress_loop_late_seconds",
            "How late a timer rang that rings once a second.",
            registry=registry,
            buckets=_TURNS_S,
        )
        self._line_up = Gauge(
            "stoppress_redis_line_up",
            "Workers whose line to Redis is up.",
            registry=registry,
            multiprocess_mode="livesum",
        )
        self._lines_lost = Counter(
            "stoppress_redis_lines_lost",
            "Lines to Redis that were lost, or given up.",
            registry=registry,
        )
        self._mended = Counter(
            "stoppress_mended",
            "Feeds whose events were read from the log again, by how.",
            ["how"],
            registry=registry,
        )
        self._malformed = Counter(
            "stoppress_malformed",
            "Messages of Redis that could not be read.",
            registry=registry,
        )
        self._probes_missed = Counter(
            "stoppress_probes_missed",
            "Probes of the line to Redis that did not come back in time.",
            registry=registry,
        )
        self._let_go = Counter(
            "stoppress_held_back_too_much",
            "Times that what was heard of a feed while it was mended was let go.",
            registry=registry,
        )
        self._aged = Counter(
            "stoppress_log_aged",
            "Events let go from feeds' logs at a write because of their age.",
            registry=registry,
        )
        self._taken_in = Counter(
            "stoppress_inbox",
            "Posts taken from the Redis inbox, by what became of them.",
            ["outcome"],
            registry=registry,
        )

    # The hub's

    def readers(self, wire: str, change: int) -> None:
        """A reader came (+1) or went (-1) on `wire`."""
        gauge = self._readers_by_wire.get(wire)
        if gauge is None:
            gauge = self._readers_by_wire[wire] = self._readers.labels(wire)
        gauge.inc(change)

    def channels(self, change: int) -> None:
        """A channel was opened (+1) or closed (-1)."""
        self._channels.inc(change)

    def delivered(self, events: int, size: int) -> None:
        """So many events, in so many bytes, were taken by readers' sockets."""
        self._sums.events += events
        self._sums.bytes += size

    def swept(self, visits: int, seconds: float) -> None:
        """One turn of the sweep: follows visited, and how long it took."""
        self._sums.visits += visits
        self._sums.turns += 1
        self._sums.seconds += seconds

    def stuck(self) -> None:
        """A reader's socket took less than it was given."""
        self._stuck.inc()

    def paced(self) -> None:
        """An editor's answer waits for the readers of the feed."""
        self._paced.inc()

    def closed(self, code: int) -> None:
        """The hub ended a reader's line with this code."""
        self._closed.labels(code).inc()

    def reset(self, readers: int) -> None:
        """So many follows are told that they can't be continued."""
        self._resets.inc(readers)

    def trimmed(self, events: int) -> None:
        """So many events left a ring because all rings together were full."""
        self._trimmed.inc(events)

    def encoded(self) -> None:
        """An event was encoded as a message."""
        self._sums.encoded += 1

    # The arrival queue's

    def waited(self) -> None:
        """A newcomer had to wait to be let in."""
        self._waited.inc()

    def shut_out(self) -> None:
        """A newcomer was closed: too many waited, or it waited too long."""
        self._shut_out.inc()

    # The head limits'

    def head_refused(self) -> None:
        """A connection was closed: its request's head was too late, or too long."""
        self._heads_refused.inc()

    # The loop's

    def collected(self, seconds: float) -> None:
        """The collector walked the oldest generation for so long."""
        self._collections.observe(seconds)

    def late(self, seconds: float) -> None:
        """A timer rang so late."""
        self._lateness.observe(seconds)

    # The log's

    def line_up(self, up: bool) -> None:
        """The line to Redis was made, or lost."""
        self._line_up.set(up)
        if not up:
            self._lines_lost.inc()

    def mended(self, how: str) -> None:
        """A feed was mended: from its `log`, anew (`window`), or in a new `epoch`."""
        self._mended.labels(how).inc()

    def malformed(self) -> None:
        """A message could not be read."""
        self._malformed.inc()

    def probe_missed(self) -> None:
        """A probe did not come back in time."""
        self._probes_missed.inc()

    def held_back_too_much(self) -> None:
        """What was heard of a feed while it was mended went over its bound."""
        self._let_go.inc()

    def aged(self, events: int) -> None:
        """So many events left a log because of their age."""
        self._aged.inc(events)

    def taken_in(self, refused: bool) -> None:
        """A post was taken from the inbox: published, or refused."""
        self._taken_in.labels("refused" if refused else "published").inc()

    def add_up(self) -> None:
        """Count what the sweep summed up since; once a second."""
        sums = self._sums
        if not (sums.turns or sums.events or sums.encoded):
            return  # an idle worker writes no file
        self._sums = SweepTotals()
        self._encoded.inc(sums.encoded)
        self._deliveries.inc(sums.events)
        self._delivered_bytes.inc(sums.bytes)
        self._visits.inc(sums.visits)
        self._turns.inc(sums.turns)
        self._swept_s.inc(sums.seconds)

    def exposition(self) -> bytes:
        """Everything counted, in Prometheus' text format (version 0.0.4)."""
        self.add_up()
        if "PROMETHEUS_MULTIPROC_DIR" not in os.environ:
            return generate_latest(self._registry)
        everyone = CollectorRegistry()
        MultiProcessCollector(everyone)  # type: ignore[no-untyped-call]  # not typed
        return generate_latest(everyone)
