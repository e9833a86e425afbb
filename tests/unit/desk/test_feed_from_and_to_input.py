"""What is kept of what an editor sent of a feed, and what of it may be edited."""

from __future__ import annotations

import msgspec
import pytest

from stoppress.desk.feed_from_and_to_input import (
    NewFeed,
    check_feed,
    editable_feed,
    edited_feed,
    new_feed,
    time_zones,
)
from stoppress.domain.errors import Invalid
from stoppress.domain.feed import Feed, FeedInput, Status
from stoppress.domain.timestamps import instant

NOW = 1_795_340_000_000
LATER = NOW + 60_000


def test_a_feed_is_kept_with_its_times_in_one_form() -> None:
    """And without what is null, false or empty."""
    given = NewFeed(
        slug="quay",
        title="Quay",
        coverage_start="2026-11-22T12:00:00+03:00",
        timezone="Europe/Istanbul",
    )
    feed = new_feed(check_feed(given), given.slug, NOW)
    kept = msgspec.json.decode(msgspec.json.encode(feed))
    assert not [name for name, held in kept.items() if not held]
    assert {"status", "language", "direction", "visibility"} <= kept.keys()
    assert feed.coverage_start == "2026-11-22T09:00:00.000Z"
    assert feed.created_at == feed.updated_at and feed.rev == 1
    after = edited_feed(feed, editable_feed(feed), LATER)
    assert (after.rev, after.created_at) == (2, feed.created_at)
    assert after.updated_at > feed.updated_at


def test_a_closing_is_dated_until_the_feed_is_open_again() -> None:
    """Later changes of a closed feed don't move it; a second closing has its own."""

    def change(feed: Feed, status: Status, now: int) -> Feed:
        draft = msgspec.structs.replace(editable_feed(feed), status=status)
        return edited_feed(feed, draft, now)

    feed = new_feed(check_feed(NewFeed(slug="quay", title="Quay")), "quay", NOW)
    assert feed.closed_at is None
    closed = change(feed, "closed", LATER)
    assert closed.closed_at == closed.updated_at
    later = change(closed, "closed", LATER + 1)
    assert (later.closed_at, later.rev) == (closed.closed_at, 3)
    again = change(later, "live", LATER + 2)
    assert again.closed_at is None
    assert change(again, "closed", LATER + 3).closed_at == instant(LATER + 3)
    made = NewFeed(slug="quay", title="Quay", status="closed")
    assert new_feed(check_feed(made), "quay", NOW).closed_at == instant(NOW)


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"title": "  "}, "title"),
        ({"timezone": "Mars/Olympus"}, "timezone"),
        ({"timezone": "../../etc/passwd"}, "timezone"),
        ({"timezone": "posix/UTC"}, "timezone"),
        ({"timezone": "America"}, "timezone"),
        ({"coverage_start": "soon"}, "coverage_start"),
        (
            {
                "coverage_start": "2026-11-22T12:00:00Z",
                "coverage_end": "2026-11-22T12:00:00+01:00",
            },
            "coverage_end",
        ),
    ],
)
def test_a_wrong_feed_is_named(given: dict[str, str], field: str) -> None:
    """The error leads to the field."""
    with pytest.raises(Invalid) as error:
        check_feed(FeedInput(**{"title": "x", **given}))  # type: ignore[arg-type]
    assert error.value.field == field


def test_time_zones_are_there() -> None:
    """Those of the IANA list, from the system or from the tzdata package."""
    assert {"UTC", "Europe/Istanbul", "Asia/Amman"} <= time_zones()
