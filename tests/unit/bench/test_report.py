"""Figures are what was counted, and say when they mean nothing."""

from __future__ import annotations

import pytest

from stoppress.bench.plan import BenchFailed, Found, Plan
from stoppress.bench.report import check_limit, figures, percentile
from stoppress.bench.target import STOP_PRESS

PLAN = Plan(STOP_PRESS, "http://x", "", "f", 10, 5, 0, 300, "websocket", 1, 60)


def found(**changes: object) -> Found:
    """A run of 10 readers and 5 posts, two seconds long."""
    made = Found(
        readers=10,
        posts=5,
        deliveries=50,
        bytes=50_000,
        seconds=2.0,
        latencies=[0.001 * number for number in range(1, 51)],
        connect_seconds=0.5,
        loader_busy=0.2,
        server_busy=0.5,
        server_cpu=1.0,
        store_cpu=0.01,
        rss_before=1_000_000,
        rss_with_readers=1_000_000 + 10 * 2048,
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
    assert rows["bytes_a_delivery"] == 1000
    assert rows["p99_ms"] == pytest.approx(50)


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


def test_a_busy_generator_is_told() -> None:
    """A loader at its limit beside an idle server makes the run worthless."""
    check_limit(found(loader_busy=0.95, server_busy=0.99))
    with pytest.raises(BenchFailed, match="--loaders"):
        check_limit(found(loader_busy=0.95, server_busy=0.5))
    with pytest.raises(BenchFailed, match="the generator was the limit"):
        check_limit(found(loader_busy=0.95, server_busy=None))
