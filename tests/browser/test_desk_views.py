"""No view of the desk has a fault that axe finds, or hides Publish, or runs over."""

from __future__ import annotations

import pytest

from tests.browser.desk_looks import Look
from tests.browser.desk_views import walk
from tests.browser.editor import Site

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_every_view_is_usable_on_a_phone_from_right_to_left(site: Site) -> None:
    """Dark; `make desk-views` has the other looks."""
    assert await walk(site, "views", [Look("dark", 360, "rtl")], None) == []
