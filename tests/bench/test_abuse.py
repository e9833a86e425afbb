"""A small share of each kind of abuse: refused, bounded, and nobody else fails."""

from __future__ import annotations

import asyncio

import pytest

from tests.bench import abuse


@pytest.mark.parametrize(
    ("kind", "count"),
    [("half-open", 300), ("half-open-tls", 300), ("unread", 60), ("sign-ins", 250)],
)
def test_abuse_is_borne(kind: str, count: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """The figures are those of `python -m tests.bench.abuse`, on an idle machine."""
    monkeypatch.setattr(abuse, "HELD_S", 1.0)
    found = asyncio.run(abuse.measured(kind, count, calm_s=0.5))
    assert (found.calm.failed, found.abused.failed) == (0, 0)
    assert found.abused.rss_mb - found.calm.rss_mb < 48
    if kind == "sign-ins":
        assert found.statuses["429"] >= count - 125
        assert found.statuses["401"] >= 100
