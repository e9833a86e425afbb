"""The metrics of the hub.

Rule: the hot path updates metrics once per slice, with sums; those are `Total`s.
"""

from __future__ import annotations

from stoppress.metric_instruments import NO_METER, Meter
from stoppress.wire.close_codes import CloseCode

BARRED = (CloseCode.UNAUTHENTICATED, CloseCode.FORBIDDEN, CloseCode.NOT_FOUND)
"""Why a reader may not read a feed any more: its credential, its scopes, the feed."""


class HubMetrics:
    """The hub's counters and gauges."""

    def __init__(self, meter: Meter = NO_METER) -> None:
        self.readers = meter.gauges(
            "stoppress_readers", "Readers connected now, by wire format.", "wire"
        )
        self.channels = meter.gauge(
            "stoppress_channels", "Feeds open in memory now, per worker."
        )
        self.deliveries = meter.total(
            "stoppress_deliveries", "Events written to readers' sockets."
        )
        self.delivered_bytes = meter.total(
            "stoppress_delivered_bytes", "Bytes of events written to readers' sockets."
        )
        self.visits = meter.total(
            "stoppress_sweep_visits", "Follows visited by sweeps."
        )
        self.turns = meter.total(
            "stoppress_sweep_turns", "Sweep turns (slices of the event loop)."
        )
        self.swept_s = meter.total(
            "stoppress_sweep_seconds", "Seconds spent in sweep turns."
        )
        self.stuck = meter.counter(
            "stoppress_stuck",
            "Writes that a reader's socket accepted only in part.",
        )
        self.paced = meter.counter(
            "stoppress_paced",
            "Answers to editors delayed until readers had the earlier events.",
        )
        self.closed = meter.counters(
            "stoppress_closed",
            "Live connections closed by the server, by close code.",
            "code",
            [str(code.value) for code in CloseCode],
        )
        self.ended_follows = meter.counters(
            "stoppress_ended_follows",
            "Follows ended because their reader may not read the feed any more.",
            "code",
            [str(code.value) for code in BARRED],
        )
        self.resets = meter.counter(
            "stoppress_resets",
            "Follows reset because their cursor could not be continued.",
        )
        self.trimmed = meter.counter(
            "stoppress_trimmed_events",
            "Events dropped from a ring because all rings together were full.",
        )
        self.encoded = meter.total(
            "stoppress_encoded", "Events encoded (once each, for all readers)."
        )
        self.feed_faults = meter.counters(
            "stoppress_feed_faults",
            "Faults contained in one feed, by where they occurred.",
            "where",
            ("sending", "hearing", "opening", "filling", "mending", "record"),
        )
