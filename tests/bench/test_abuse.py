"""A small share of each kind of abuse: refused, bounded, and nobody else fails."""

from __future__ import annotations

import asyncio

import pytest

from stoppress.guard.limits import SIGN_IN_BURST_S
from stoppress.settings import Settings
from tests.bench import abuse


@pytest.mark.parametrize(
    ("kind", "count"),
    [
        ("half-open", 300),
        ("half-open-tls", 300),
        ("unread", 60),
        ("sign-ins", 250),
        ("kept-sign-ins", 250),
    ],
)
def test_the_server_survives_abuse(
    kind: str, count: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The figures are those of `python -m tests.bench.abuse`, on an idle machine."""
    monkeypatch.setattr(abuse, "HELD_S", 1.0)
    found = asyncio.run(abuse.measured(kind, count, calm_s=0.5))
    assert (found.calm.failed, found.abused.failed) == (0, 0)
    assert found.abused.rss_mb - found.calm.rss_mb < 48
    if kind.endswith("sign-ins"):
        rate = Settings().address_sign_ins_per_s
        most = rate * (SIGN_IN_BURST_S + found.seconds)
        assert found.statuses["429"] >= count - most - 5
        assert found.statuses["401"] >= 100
