"""A page that begins at a moment."""

from __future__ import annotations

import pytest

from stoppress.domain.errors import Invalid
from stoppress.domain.timestamps import parse_instant
from stoppress.web.pages.parse_page_start_time import moment_mark
from tests.unit.web.web_harness import Stand, feed, post


@pytest.mark.parametrize(
    ("text", "zone", "until"),
    [
        ("2026-11-28T15:00", "UTC", "2026-11-28T15:01:00Z"),
        ("2026-11-28T15:00", "Europe/Berlin", "2026-11-28T14:01:00Z"),
        ("2026-11-28T15:00:30+03:00", "Europe/Berlin", "2026-11-28T12:01:00Z"),
        ("2026-11-28T15:00 03:00", "Europe/Berlin", "2026-11-28T12:01:00Z"),
        ("2026-11-28 15:00", "UTC", "2026-11-28T15:01:00Z"),
        ("2026-11-28t15:00z", "Europe/Berlin", "2026-11-28T15:01:00Z"),
        ("2026-10-25T02:30", "Europe/Berlin", "2026-10-25T01:31:00Z"),
        ("2026-11-28", "UTC", "2026-11-28T00:01:00Z"),
    ],
)
def test_a_moment(text: str, zone: str, until: str) -> None:
    """Of the feed's zone, to the end of its minute."""
    mark = moment_mark({"moment": text}, zone)
    assert mark is not None and mark.order == parse_instant(until)


@pytest.mark.parametrize("text", ["soon", "15:00", "0001-01-01T00:00", "9" * 30])
def test_an_invalid_moment_is_refused(text: str) -> None:
    """With an example."""
    with pytest.raises(Invalid, match="such as 2026"):
        moment_mark({"moment": text}, "UTC")


@pytest.mark.asyncio
async def test_the_page_begins_there() -> None:
    """With what was known then, and a way to the newest."""
    stand = Stand()
    stand.put(feed(), *(post(n) for n in range(1, 6)))
    at = str(post(3)["published_at"])[:16]
    async with stand.client() as client:
        page = (await client.get(f"/live/x?moment={at}Z")).text
        refused = await client.get("/live/x?moment=soon")
    assert "Headline 3" in page and "Headline 4" not in page
    assert 'href="/live/x"' in page
    assert refused.status_code == 422
