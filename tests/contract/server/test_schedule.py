"""Scheduled drafts go out once, whichever server lives and whatever its clock says."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.faults.schedule import campaign


@pytest.mark.asyncio
async def test_scheduled_posts_survive_a_killed_server_and_a_wrong_clock(
    tmp_path: Path,
) -> None:
    """A short form of `make schedule`, which measures the delay."""
    outcome = await campaign(tmp_path, spread=60, seconds=6.0, burst=30, lead_s=12.0)
    assert set(outcome.published.values()) == {1}
    assert (len(outcome.published), outcome.left) == (90, 0)
