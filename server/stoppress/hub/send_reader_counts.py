"""The number of readers per feed over all processes, sent to the readers.

Rules:
- Each process writes its counts to a census, under a lease, and gets the sums in the
  same call. A process that died is not counted after its lease has expired.
- One call at a time per process, every EVERY_S at most, and none while no feed with
  readers shows their number.
- A count is sent if it changed, or if a reader joined or left since the last one.
- While the census is unavailable no count is sent: a wrong number is worse than none.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from stoppress.domain.errors import Unavailable
from stoppress.hub.channel import Channel
from stoppress.hub.open_channels import OpenChannels
from stoppress.hub.task_set import TaskSet
from stoppress.wire import encode_messages

EVERY_S = 5.0
"""Seconds between two counts."""
LEASE_S = 15.0
"""How long a silent process is still counted: three calls."""


class Census(Protocol):
    """Adds up the counts of all processes (implemented by the log)."""

    async def count(self, here: Mapping[str, int], lease_s: float) -> Mapping[str, int]:
        """Store this process's readers per feed; returns the sums over all processes.

        Raises Unavailable.
        """


class SingleProcessCensus:
    """The census of a process that runs alone."""

    async def count(self, here: Mapping[str, int], lease_s: float) -> Mapping[str, int]:
        """The counts of this process are the sums."""
        return here


class ReaderCounts:
    """Sends the number of readers to the readers of each feed that shows it."""

    def __init__(self, census: Census, channels: OpenChannels, tasks: TaskSet) -> None:
        self._census = census
        self._channels = channels
        self._tasks = tasks
        self._last_sent: dict[Channel, int] = {}
        self._is_counting = False
        self._has_lease = False
        """Whether the census may hold counts of this process."""
        self._next = 0.0

    def changed(self, channel: Channel) -> None:
        """Send the count again: a new follow has not received it yet."""
        self._last_sent.pop(channel, None)

    def tick(self, now: float) -> None:
        """Exchange counts with the census, if that is due at `now`."""
        if self._is_counting or now < self._next:
            return
        here = {
            channel.feed: channel.size
            for channel in self._channels.all()
            if _shows(channel)
        }
        if here or self._has_lease:
            self._next = now + EVERY_S
            self._is_counting = self._has_lease = True
            self._tasks.start(self._count(here))

    async def leave(self) -> None:
        """Remove this process's counts from the census: the process ends."""
        if self._has_lease:
            try:
                await self._census.count({}, 0)
            except Unavailable:
                return  # the lease expires by itself

    async def _count(self, here: Mapping[str, int]) -> None:
        try:
            counts = await self._census.count(here, LEASE_S)
            self._has_lease = bool(here)
        finally:
            self._is_counting = False
        for channel in self._channels.all():
            count = counts.get(channel.feed)
            if count and _shows(channel) and self._last_sent.get(channel) != count:
                self._last_sent[channel] = count
                channel.send_notice(
                    "readers", encode_messages.readers(channel.feed, count)
                )


def _shows(channel: Channel) -> bool:
    return bool(channel.size) and channel.feed_state.show_readers and not channel.ended
