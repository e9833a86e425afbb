"""Figures are what was counted, and say when they mean nothing."""

from __future__ import annotations

import random
from collections import Counter

import pytest

from stoppress.bench.report import check_limit, delay_ms, figures, percentile
from stoppress.bench.requests_per_server_kind import STOP_PRESS
from stoppress.bench.run_plan_and_result import BenchFailed, RunPlan, RunResult

PLAN = RunPlan(STOP_PRESS, "http://x", "", "f", readers=10, posts=5)


def found(**changes: object) -> RunResult:
    """A run of 10 readers and 5 posts, two seconds long."""
    made = RunResult(
        readers=10,
        posts=5,
        bytes=50_000,
        seconds=2.0,
        delays=Counter({10 * number: 1 for number in range(1, 51)}),
        lasts=[0.01, 0.02, 0.05, 0.03, 0.04],
        entered=9,
        enter_s=0.45,
        enter_busy=0.3,
        enter_cpu=0.0009,
        loader_cpu=0.1,
        loader_busy=0.2,
        editor_busy=0.1,
        server_cpu=1.0,
        store_cpu=0.01,
        rss_before=1_000_000,
        rss_with_readers=1_000_000 + 9 * 2048,
        rss_peak=1 << 20,
    )
    return made._replace(**changes)  # type: ignore[arg-type]  # a test's own fields


def test_figures_are_per_what_their_names_say() -> None:
    """Rates, microseconds a delivery, kilobytes a reader."""
    rows = figures(PLAN, found())
    assert rows["deliveries_per_s"] == 25
    assert rows["cpu_us_a_delivery"] == pytest.approx(20_000)
    assert rows["store_cpu_us_a_post"] == pytest.approx(2_000)
    assert rows["rss_kb_a_reader"] == 2
    assert rows["handshakes_per_s"] == 20
    assert rows["cpu_us_a_handshake"] == pytest.approx(100)
    assert rows["bytes_a_delivery"] == 1000
    assert rows["loader_cpu_us_a_delivery"] == pytest.approx(2_000)
    assert rows["p99_ms"] == pytest.approx(50)
    assert rows["last_reader_p50_ms"] == pytest.approx(30)
    assert rows["last_reader_p99_ms"] == rows["max_ms"] == pytest.approx(50)


def test_a_server_elsewhere_has_no_cpu_and_no_memory() -> None:
    """What can't be known is None, not 0."""
    rows = figures(PLAN, found(server_cpu=None, rss_before=None, store_cpu=None))
    assert rows["cpu_us_a_delivery"] is None
    assert rows["rss_kb_a_reader"] is None
    assert rows["store_cpu_us_a_post"] is None


def test_the_nearest_rank() -> None:
    """A percentile is a value that was seen, the last one included."""
    assert percentile([1.0, 2.0, 3.0, 4.0], 0.5) == 3.0
    assert percentile([1.0], 0.99) == 1.0


def test_a_percentile_of_counts_is_that_of_what_was_counted() -> None:
    """However many share a delay."""
    chance = random.Random(3)
    steps = [chance.randrange(30) for _ in range(999)]
    ordered = sorted(step / 10 for step in steps)
    for share in (0.0, 0.5, 0.9, 0.99, 1.0):
        assert delay_ms(Counter(steps), share) == percentile(ordered, share)


@pytest.mark.parametrize("part", ["loader", "editor"])
def test_a_busy_generator_is_told(part: str) -> None:
    """Whichever part of it had no time left; the figures are not the server's."""
    check_limit(found(**{f"{part}_busy": 0.89}))
    with pytest.raises(BenchFailed, match=f"the generator was the limit: .*{part}"):
        check_limit(found(**{f"{part}_busy": 0.95}))
