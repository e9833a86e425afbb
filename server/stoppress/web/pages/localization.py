"""Translated words and formatted times, in the language of the feed.

One table per language, shared with the browser (`client_demo/stop-press/words/`).
`localization.js` formats times by the same rules, so that the script does not change
the server's HTML. A language without a table gets the English words.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec

from stoppress.domain.feed import language_direction
from stoppress.domain.timestamps import parse_instant

Words = Mapping[str, Any]


class LocalTime(NamedTuple):
    """An instant as local date, time and offset of a zone."""

    day: str
    clock: str
    offset: str


def read_tables(folder: Path) -> dict[str, Words]:
    """The words of every language, by its code."""
    return {
        path.stem: msgspec.json.decode(path.read_bytes())
        for path in sorted((folder / "stop-press" / "words").glob("*.json"))
    }


def words_for(tables: Mapping[str, Words], language: str) -> Words:
    """The table of a language such as `pt-BR`, or English."""
    return tables.get(language.lower().split("-")[0], tables["en"])


def direction_of(language: str | None, direction: str | None) -> str | None:
    """The direction of a text; None: that of its context."""
    if direction is not None or language is None:
        return direction
    return language_direction(language)


@lru_cache(maxsize=256)
def zone_of(name: str) -> ZoneInfo:
    """The time zone of that name, UTC if it is unknown."""
    try:
        return ZoneInfo(name)
    except (ValueError, OSError, ZoneInfoNotFoundError):
        return ZoneInfo("UTC")


def moment(at: str, zone: str) -> datetime:
    """An instant, as a local time of that zone; of UTC where its year is 10000."""
    instant = datetime.fromtimestamp(parse_instant(at) // 1000, UTC)
    try:
        return instant.astimezone(zone_of(zone))
    except OverflowError:
        return instant


def local(at: str, zone: str) -> LocalTime:
    """An instant as the local time of `zone`."""
    there = moment(at, zone)
    offset = there.utcoffset()
    minutes = 0 if offset is None else round(offset.total_seconds() / 60)
    text = "UTC"
    if minutes:
        hours, rest = divmod(abs(minutes), 60)
        sign = "−" if minutes < 0 else "+"
        text = f"UTC{sign}{hours}" + (f":{rest:02d}" if rest else "")
    return LocalTime(f"{there:%Y-%m-%d}", f"{there:%H:%M}", text)


def day_text(words: Words, day: str) -> str:
    """Such as "Sunday 22 November 2026"."""
    of = date.fromisoformat(day)
    text: str = words["date"]
    return text.format(
        weekday=words["weekdays"][of.isoweekday() % 7],
        day=of.day,
        month=words["months"][of.month - 1],
        year=of.year,
    )


def full_text(words: Words, when: LocalTime) -> str:
    """Such as "Sunday 22 November 2026, 21:19 (UTC+1)"."""
    return f"{day_text(words, when.day)}, {when.clock} ({when.offset})"
