"""Deliveries that look often, for tests of them."""

from __future__ import annotations

import pytest

from stoppress.webhooks import delivery


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Short pauses."""
    monkeypatch.setattr(delivery, "FIND_S", 0.01)
    monkeypatch.setattr(delivery, "QUIET_LOOK_S", 0.01)
    monkeypatch.setattr(delivery, "NEXT_QUEUE_LOOK_S", 0.01)
