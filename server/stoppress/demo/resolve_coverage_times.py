"""The times of the coverage, relative to the start of the demo.

If the demo starts at any hour, the backfill crosses a midnight of the feed's own time
zone and ends a few minutes ago. So a time is given in one of three ways: minutes from
that midnight, minutes from now, or a share (0 to 1) of the time between the two, which
may be short or long.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, time, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

At = tuple[Literal["midnight", "between", "now"], float]

NIGHT_ENDS_MIN = 230  # no place is later than this after the midnight
RECENT_BEGINS_MIN = 55  # no place by "now" is earlier than this
LEAST_BETWEEN_MIN = 25  # room for the posts between, even soon after midnight

_CLOCK = re.compile(r"\{clock([+-]\d+)\}")
_QUARTER_MIN = 15


class Timeline:
    """The times of one coverage, for one start."""

    def __init__(self, now: datetime, zone: ZoneInfo) -> None:
        self._now = now.astimezone(UTC)
        self._zone = zone
        self.midnight = self._last_midnight()

    def _last_midnight(self) -> datetime:
        """The newest midnight with enough time after it for the whole backfill."""
        room = timedelta(minutes=NIGHT_ENDS_MIN + LEAST_BETWEEN_MIN + RECENT_BEGINS_MIN)
        today = self._now.astimezone(self._zone).date()
        for days in range(3):
            day = today - timedelta(days=days)
            midnight = datetime.combine(day, time(), self._zone).astimezone(UTC)
            if self._now - midnight >= room:
                return midnight
        raise AssertionError("a midnight two days ago leaves room in every zone")

    def moment(self, at: At) -> datetime:
        """The instant of a time in the script, in the feed's zone."""
        anchor, amount = at
        if anchor == "midnight":
            instant = self.midnight + timedelta(minutes=amount)
        elif anchor == "now":
            instant = self._now + timedelta(minutes=amount)
        else:
            begin = self.midnight + timedelta(minutes=NIGHT_ENDS_MIN)
            end = self._now - timedelta(minutes=RECENT_BEGINS_MIN)
            instant = begin + (end - begin) * amount
        return instant.replace(microsecond=0).astimezone(self._zone)


def with_clock_times(text: str, moment: datetime) -> str:
    """The text with each `{clock+90}` as the time 90 minutes after `moment`.

    Rounded to a quarter of an hour, as in announcements.
    """

    def clock_time(match: re.Match[str]) -> str:
        # Through UTC: adding to a zoned time ignores a change of the clocks.
        later = moment.astimezone(UTC) + timedelta(minutes=int(match[1]))
        then = later.astimezone(moment.tzinfo)
        then -= timedelta(minutes=then.minute % _QUARTER_MIN)
        return f"{then:%H:%M}"

    return _CLOCK.sub(clock_time, text)
