"""What one run of the generator does."""

from __future__ import annotations

import pytest

from stoppress.bench.run_plan_and_result import BenchFailed
from tests.unit.bench.test_many_readers_in_one_process import plan


def test_readers_wait_as_long_as_posts_are_sent_and_then_some() -> None:
    """Without a rate, the time-out alone."""
    one = plan(("127.0.0.1", 8000))._replace(posts=50, timeout_s=10.0)
    assert one._replace(rate=5.0).reading_s == 20.0
    assert one._replace(rate=0.0).reading_s == 10.0


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("http://127.0.0.1:8000", ("127.0.0.1", 8000)),
        ("http://live.example/", ("live.example", 80)),
        ("http://[::1]:8000", ("::1", 8000)),
    ],
)
def test_an_address_is_host_and_port(url: str, address: tuple[str, int]) -> None:
    assert plan(("x", 1))._replace(url=url).address == address


def test_a_proxy_with_tls_is_not_loaded() -> None:
    """Its figures would be those of the proxy."""
    with pytest.raises(BenchFailed, match="with --tls"):
        _ = plan(("x", 1))._replace(url="https://live.example").address
