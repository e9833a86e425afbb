"""The clock the demo plays by."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from stoppress.demo.system_clock import SystemClock


@pytest.mark.asyncio
async def test_the_clock_is_the_wall_clock() -> None:
    """With an offset, and it goes on while it sleeps."""
    clock, before = SystemClock(), datetime.now(UTC)
    first = clock.now()
    await clock.sleep(0.002)
    second = clock.now()
    assert before <= first and (second - first).total_seconds() >= 0.001
    assert first.utcoffset() is not None
