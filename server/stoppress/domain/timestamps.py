"""Parses RFC 3339 times and formats them in one canonical form.

An instant is stored and sent as UTC with milliseconds, `2026-11-22T09:30:00.000Z`:
always the same width, so that comparing texts compares instants.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from functools import lru_cache

_RFC3339 = re.compile(
    r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d{1,9})?([Zz]|[+-]\d\d:\d\d)", re.ASCII
)


def parse_instant(text: str) -> int:
    """Milliseconds since 1970 of an RFC 3339 time. Raises ValueError, with why."""
    if not _RFC3339.fullmatch(text):
        raise ValueError(
            f"{text[:80]!r} is invalid: use an RFC 3339 time with an offset, "
            "such as 2026-11-22T09:30:00+03:00"
        )
    try:
        moment = datetime.fromisoformat(text.upper())
    except ValueError:
        # Python's own message is about Python's types.
        raise ValueError(
            f"{text!r} is invalid: there is no such date, time or offset"
        ) from None
    return int(moment.timestamp() * 1000 + 0.5)


def instant(ms: int) -> str:
    """The canonical text of `ms` milliseconds since 1970."""
    return f"{_second(ms // 1000)}.{ms % 1000:03d}Z"


@lru_cache(maxsize=64)
def _second(seconds: int) -> str:
    """Kept, as most times are of this second."""
    return datetime.fromtimestamp(seconds, UTC).isoformat()[:19]
