"""The time at which a feed's page begins: `?moment=2026-11-28T15:00`.

A time without an offset is in the feed's time zone; if it occurs twice there, it is the
later one. The page begins with the newest post of that minute or before it; in rising
order, with the next post after it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from stoppress.domain.errors import Invalid
from stoppress.domain.store_requests_and_results import PageMark
from stoppress.web.pages.localization import zone_of

_OFFSET = re.compile(r"\d\d:?\d\d")


def moment_mark(query: Mapping[str, str], zone: str) -> PageMark | None:
    """The mark of the time in a query, None without one. Raises Invalid."""
    text = query.get("moment", "")
    if not text:
        return None
    try:
        at = datetime.fromisoformat(_with_plus(text).upper())
        if at.tzinfo is None:
            at = at.replace(tzinfo=zone_of(zone), fold=1)
        at = at.astimezone(UTC)
        if query.get("order") != "oldest":
            at = at.replace(second=0, microsecond=0) + timedelta(minutes=1)
        order = int(at.timestamp() * 1000)
    except (ValueError, OverflowError):
        order = -1
    if order < 0:
        raise Invalid(
            "moment",
            f"{text[:40]!r} is invalid: use a date and time, such as 2026-11-28T15:00",
        )
    # This sorts before every id.
    return PageMark(order, "-")


def _with_plus(text: str) -> str:
    """The text with the `+` of its offset, which arrives as a blank if it is not
    percent-encoded."""
    time, blank, offset = text.rpartition(" ")
    is_offset = ":" in time and _OFFSET.fullmatch(offset)
    return f"{time}+{offset}" if blank and is_offset else text
