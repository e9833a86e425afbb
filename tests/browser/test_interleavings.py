"""Editors whose acts, faults and ends come in drawn orders: nothing lost or said twice.

DRAWN=50 plays fifty, from the seed DRAWN_SEED on (`make interleavings`).
"""

from __future__ import annotations

import os

import pytest

from tests.browser.editor import Site
from tests.browser.editor import site as site
from tests.browser.interleavings import play

pytestmark = pytest.mark.asyncio(loop_scope="module")

COUNT = int(os.environ.get("DRAWN", "2"))
SEED = int(os.environ.get("DRAWN_SEED", "1"))


@pytest.mark.parametrize("seed", range(SEED, SEED + COUNT))
async def test_no_text_is_lost_published_unasked_or_twice(
    site: Site, seed: int
) -> None:
    """Two or three editors, tabs, lost answers, no connection, killed tabs."""
    assert await play(site, seed) > 0
