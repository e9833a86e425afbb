"""What the log counts: follower, store and inbox."""

from __future__ import annotations

from stoppress.metric_types import NO_METER, Meter


class FollowerMetrics:
    """What a follower counts."""

    def __init__(self, meter: Meter = NO_METER) -> None:
        self.line_up = meter.gauge(
            "stoppress_redis_line_up", "Workers whose line to Redis is up."
        )
        self.lines_lost = meter.counter(
            "stoppress_redis_lines_lost", "Lines to Redis that were lost, or given up."
        )
        # From its `log`, anew from a `window`, or that in a new `epoch`.
        self.mended = meter.counters(
            "stoppress_mended",
            "Feeds whose events were read from the log again, by how.",
            "how",
        )
        self.malformed = meter.counter(
            "stoppress_malformed", "Messages of Redis that could not be read."
        )
        self.unmarked = meter.counter(
            "stoppress_unmarked",
            "Messages of Redis that no script of a feed made; the log was read.",
        )
        self.probes_missed = meter.counter(
            "stoppress_probes_missed",
            "Probes of the line to Redis that did not come back in time.",
        )
        self.held_back_too_much = meter.counter(
            "stoppress_held_back_too_much",
            "Times that what was heard of a feed while it was mended was let go.",
        )


class StoreMetrics:
    """What a store counts."""

    def __init__(self, meter: Meter = NO_METER) -> None:
        self.aged = meter.counter(
            "stoppress_log_aged",
            "Events let go from feeds' logs at a write because of their age.",
        )


class InboxMetrics:
    """What an inbox counts."""

    def __init__(self, meter: Meter = NO_METER) -> None:
        self.taken_in = meter.counters(
            "stoppress_inbox",
            "Posts taken from the Redis inbox, by what became of them.",
            "outcome",
        )
