"""Times as readers see them: in the feed's zone, in the feed's language."""

from __future__ import annotations

import pytest

from stoppress.web.pages.find_browser_files import browser_folder
from stoppress.web.pages.localization import (
    LocalTime,
    day_text,
    direction_of,
    full_text,
    local,
    moment,
    read_tables,
    words_for,
)

TABLES = read_tables(browser_folder())


@pytest.mark.parametrize(
    ("at", "zone", "expected"),
    [
        ("2026-11-22T23:30:00.000Z", "UTC", ("2026-11-22", "23:30", "UTC")),
        (
            "2026-11-22T23:30:00.999Z",
            "Europe/Berlin",
            ("2026-11-23", "00:30", "UTC+1"),
        ),
        ("2026-07-01T12:00:00.000Z", "Europe/Berlin", ("2026-07-01", "14:00", "UTC+2")),
        (
            "2026-01-01T00:00:00.000Z",
            "America/St_Johns",
            ("2025-12-31", "20:30", "UTC−3:30"),
        ),
        (
            "2026-01-01T00:00:00.000Z",
            "Asia/Kathmandu",
            ("2026-01-01", "05:45", "UTC+5:45"),
        ),
        (
            "9999-12-31T23:59:59.000Z",
            "Pacific/Kiritimati",
            ("9999-12-31", "23:59", "UTC"),
        ),
        (
            "1970-01-01T00:00:00.000Z",
            "Pacific/Honolulu",
            ("1969-12-31", "14:00", "UTC−10"),
        ),
        ("2026-01-01T00:00:00.000Z", "../etc/passwd", ("2026-01-01", "00:00", "UTC")),
        ("2026-01-01T00:00:00.000Z", "No/Where", ("2026-01-01", "00:00", "UTC")),
    ],
)
def test_local(at: str, zone: str, expected: tuple[str, str, str]) -> None:
    """Day, clock and offset there; UTC for a zone that is none."""
    assert local(at, zone) == LocalTime(*expected)


def test_moment_has_the_offset() -> None:
    """For machines: the same instant, with the zone's offset."""
    there = moment("2026-11-22T09:30:00.500Z", "Europe/Istanbul")
    assert there.isoformat() == "2026-11-22T12:30:00+03:00"


@pytest.mark.parametrize(
    ("language", "expected"),
    [
        ("en-GB", "Sunday 22 November 2026"),
        ("de", "Sonntag, 22. November 2026"),
        ("fr", "dimanche 22 novembre 2026"),
        ("TR", "22 Kasım 2026 Pazar"),
        ("ru", "воскресенье, 22 ноября 2026 г."),
        ("ar", "الأحد 22 نوفمبر 2026"),
        ("eo", "Sunday 22 November 2026"),
    ],
)
def test_dates(language: str, expected: str) -> None:
    """A day in each language; English where there is no table."""
    assert day_text(words_for(TABLES, language), "2026-11-22") == expected


def test_full_text() -> None:
    """Day, time and offset, for the title of a time."""
    when = local("2026-11-22T20:19:00.000Z", "Europe/Berlin")
    text = full_text(TABLES["en"], when)
    assert text == "Sunday 22 November 2026, 21:19 (UTC+1)"


@pytest.mark.parametrize(
    ("language", "direction", "expected"),
    [
        (None, None, None),
        ("ar", None, "rtl"),
        ("fa-IR", None, "rtl"),
        ("en", None, "ltr"),
        ("arn", None, "ltr"),
        ("ar", "ltr", "ltr"),
        (None, "auto", "auto"),
    ],
)
def test_direction(
    language: str | None, direction: str | None, expected: str | None
) -> None:
    """What was said wins; else the language decides."""
    assert direction_of(language, direction) == expected
