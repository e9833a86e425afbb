"""Whatever the hour, the backfill crosses midnight and ends a few minutes ago."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stoppress.demo.load_coverage_files import Publish, coverages
from stoppress.demo.resolve_coverage_times import Timeline, with_clock_times

COVERAGES = {coverage.slug: coverage for coverage in coverages()}
MOMENTS = st.datetimes(
    min_value=datetime(2026, 1, 1),
    max_value=datetime(2040, 1, 1),
    timezones=st.just(UTC),
)


@pytest.mark.parametrize("slug", COVERAGES)
@given(now=MOMENTS)
def test_the_backfill_crosses_midnight_in_order(slug: str, now: datetime) -> None:
    """Each post is newer than the one before, on two days of the feed at least."""
    coverage = COVERAGES[slug]
    timeline = Timeline(now, ZoneInfo(coverage.feed.timezone))
    moments = [
        timeline.moment(action.at)
        for action in coverage.backfill
        if isinstance(action, Publish) and action.at is not None
    ]
    # In UTC: within one zone Python compares what the clocks say, and on one night
    # a year they say 02:30 twice.
    instants = [moment.astimezone(UTC) for moment in moments]
    assert all(old < new for old, new in itertools.pairwise(instants))
    assert timeline.moment(coverage.coverage_start) < moments[0]
    assert len({moment.date() for moment in moments}) >= 2
    assert timedelta(minutes=1) < now - moments[-1] < timedelta(minutes=20)
    assert now - moments[0] < timedelta(hours=36)
    assert moments[0].tzinfo == ZoneInfo(coverage.feed.timezone)


def test_a_place_by_midnight_is_by_the_feeds_own_midnight() -> None:
    """Nine minutes to midnight is 23:51 on the clock of the town."""
    timeline = Timeline(datetime(2031, 7, 9, 15, tzinfo=UTC), ZoneInfo("Europe/Berlin"))
    assert timeline.moment(("midnight", -9)).isoformat() == "2031-07-08T23:51:00+02:00"


def test_clock_times_are_rounded_to_a_quarter() -> None:
    """A text may speak of a time to come, as an announcement does."""
    moment = datetime(2031, 7, 9, 23, 52, tzinfo=UTC)
    text = "at {clock+60}, not {clock-15}"
    assert with_clock_times(text, moment) == "at 00:45, not 23:30"
