"""Instruments: what they call, and that those of no meter call nothing."""

from __future__ import annotations

from stoppress.metric_instruments import (
    NO_METER,
    ByLabel,
    Counter,
    Gauge,
    Histogram,
    Total,
)
from tests.tally import Tally


def test_an_instrument_is_made_once_per_label() -> None:
    """When it is first asked for; values that are known are there from the start."""
    made: list[str] = []

    def make(value: str) -> Counter:
        made.append(value)
        return Counter()

    by_code = ByLabel(make, ["4000"])
    assert made == ["4000"]
    assert by_code["4001"] is by_code["4001"]
    assert made == ["4000", "4001"]


def test_a_total_sums_up_until_it_is_collected() -> None:
    total = Total()
    total.add()
    total.add(2)
    total.value += 4
    assert total.value == 7


def test_instruments_hand_on_what_is_counted() -> None:
    tally = Tally()
    tally.counter("hits", "").add(3)
    tally.gauge("open", "").set(5)
    tally.histogram("seconds", "", [1]).observe(0.5)
    assert [(one.name, one.amount) for one in tally.counted] == [
        ("hits", 3),
        ("open", 5),
        ("seconds", 0.5),
    ]


def test_the_instruments_of_no_meter_count_nothing() -> None:
    """A part that nobody measures calls the same instruments."""
    for instrument in (Counter(), NO_METER.counter("hits", ""), Gauge()):
        instrument.add()
    NO_METER.gauge("open", "").set(1)
    NO_METER.counters("closed", "", "code")["4000"].add()
    Histogram().observe(1)
    NO_METER.total("sums", "").add()
