"""What the hub counts.

Rules: called on the hot path only once per slice, with sums; what is counted there is
a `Total`.
"""

from __future__ import annotations

from stoppress.meter import NO_METER, Meter
from stoppress.wire.close_codes import CloseCode


class HubMetrics:
    """The hub's counts."""

    def __init__(self, meter: Meter = NO_METER) -> None:
        self.readers = meter.gauges(
            "stoppress_readers", "Readers connected now, by transport.", "wire"
        )
        self.channels = meter.gauge(
            "stoppress_channels", "Feeds open in memory now, in each worker."
        )
        self.deliveries = meter.total(
            "stoppress_deliveries", "Events taken by readers' sockets."
        )
        self.delivered_bytes = meter.total(
            "stoppress_delivered_bytes", "Bytes of events taken by readers' sockets."
        )
        self.visits = meter.total(
            "stoppress_sweep_visits", "Follows visited by sweeps."
        )
        self.turns = meter.total("stoppress_sweep_turns", "Turns of sweeps.")
        self.swept_s = meter.total(
            "stoppress_sweep_seconds", "How long all turns of sweeps took."
        )
        self.stuck = meter.counter(
            "stoppress_stuck",
            "Writes of which a reader's socket took less than it was given.",
        )
        self.paced = meter.counter(
            "stoppress_paced",
            "Answers to editors that waited until readers had what was before.",
        )
        self.closed = meter.counters(
            "stoppress_closed",
            "Live lines the server ended, by close code.",
            "code",
            [str(code.value) for code in CloseCode],
        )
        self.resets = meter.counter(
            "stoppress_resets", "Follows told that they can't be continued."
        )
        self.trimmed = meter.counter(
            "stoppress_trimmed_events",
            "Events that left a ring because all rings together were full.",
        )
        self.encoded = meter.total(
            "stoppress_encoded", "Events encoded, once each, for all their readers."
        )
        self.feed_faults = meter.counters(
            "stoppress_feed_faults",
            "Faults that stayed in one feed, by where: its entry, line or record.",
            "where",
            ("sending", "hearing", "opening", "filling", "mending", "record"),
        )
