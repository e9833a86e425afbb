"""The metrics of the log: follower, store and inbox."""

from __future__ import annotations

from stoppress.metric_instruments import NO_METER, Meter


class FollowerMetrics:
    """The metrics of a follower."""

    def __init__(self, meter: Meter = NO_METER) -> None:
        self.line_up = meter.gauge(
            "stoppress_redis_line_up", "Workers whose subscription to Redis works."
        )
        self.lines_lost = meter.counter(
            "stoppress_redis_lines_lost", "Subscriptions to Redis that were lost."
        )
        # "log": events were read; "window": the newest part; "epoch": of a new epoch.
        self.mended = meter.counters(
            "stoppress_mended",
            "Feeds whose log was read because events were missing, by how.",
            "how",
        )
        self.malformed = meter.counter(
            "stoppress_malformed", "Messages from Redis that could not be parsed."
        )
        self.unmarked = meter.counter(
            "stoppress_unmarked",
            "Messages from Redis without a valid mark; the log was read instead.",
        )
        self.probes_missed = meter.counter(
            "stoppress_probes_missed",
            "Probes of a subscription to Redis that did not arrive in time.",
        )
        self.held_back_too_much = meter.counter(
            "stoppress_held_back_too_much",
            "Times that messages collected while a feed was mended were dropped.",
        )


class StoreMetrics:
    """The metrics of a store."""

    def __init__(self, meter: Meter = NO_METER) -> None:
        self.aged = meter.counter(
            "stoppress_log_aged",
            "Events dropped from feeds' logs at a write because of their age.",
        )
        self.revisions_dropped = meter.counter(
            "stoppress_revisions_dropped",
            "Earlier states of posts dropped because the post has too many.",
        )


class ErasureMetrics:
    """The metrics of takedowns."""

    def __init__(self, meter: Meter = NO_METER) -> None:
        self.pending = meter.counter(
            "stoppress_erasures_pending",
            "Takedowns after which the store's file could not be rewritten.",
        )
        self.unconfirmed = meter.counter(
            "stoppress_erasures_unconfirmed",
            "Processes that did not confirm in time that they dropped a post.",
        )


class InboxMetrics:
    """The metrics of an inbox."""

    def __init__(self, meter: Meter = NO_METER) -> None:
        self.taken_in = meter.counters(
            "stoppress_inbox",
            "Posts taken from the Redis inbox, by outcome.",
            "outcome",
        )
