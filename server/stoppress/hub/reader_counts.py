"""How many read each feed, over all processes, and telling them.

Rules:
- Each process leaves its counts in a census, under a lease, and gets everyone's in
  the same call. One that died is counted no more once its lease is over.
- One call at a time for the whole process, every EVERY_S at most, and none while no
  feed with readers shows how many they are.
- Readers are told where the number changed, or where somebody came.
- While the census can't be asked nobody is told: better no number than a wrong one.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from stoppress.domain.errors import Unavailable
from stoppress.hub.channel import Channel
from stoppress.hub.open_channels import OpenChannels
from stoppress.hub.task_set import TaskSet
from stoppress.wire import messages

EVERY_S = 5.0
"""How often readers are told how many they are."""
LEASE_S = 15.0
"""How long a process is counted that says nothing any more: three calls."""


class Census(Protocol):
    """Where processes leave their counts for each other (the log's)."""

    async def count(self, here: Mapping[str, int], lease_s: float) -> Mapping[str, int]:
        """Leave the readers of each feed here; those of all processes, ours too.

        Raises Unavailable.
        """


class SingleProcessCensus:
    """The census of a process that knows of no other."""

    async def count(self, here: Mapping[str, int], lease_s: float) -> Mapping[str, int]:
        """What is here is all there is."""
        return here


class ReaderCounts:
    """Counts the readers of the feeds that show it."""

    def __init__(self, census: Census, channels: OpenChannels, tasks: TaskSet) -> None:
        self._census = census
        self._channels = channels
        self._tasks = tasks
        self._told: dict[Channel, int] = {}
        self._asking = False
        self._left = False
        """Whether the census may hold counts of ours."""
        self._next = 0.0

    def changed(self, channel: Channel) -> None:
        """Readers came or went: who came has not heard how many they are."""
        self._told.pop(channel, None)

    def tick(self, now: float) -> None:
        """Ask, if that is due at `now`."""
        if self._asking or now < self._next:
            return
        here = {
            channel.feed: channel.size
            for channel in self._channels.all()
            if _shows(channel)
        }
        if here or self._left:
            self._next = now + EVERY_S
            self._asking = self._left = True
            self._tasks.start(self._ask(here))

    async def leave(self) -> None:
        """The process ends: its readers are counted elsewhere from now on."""
        if self._left:
            try:
                await self._census.count({}, 0)
            except Unavailable:
                return  # the lease ends by itself

    async def _ask(self, here: Mapping[str, int]) -> None:
        try:
            counts = await self._census.count(here, LEASE_S)
            self._left = bool(here)
        finally:
            self._asking = False
        for channel in self._channels.all():
            count = counts.get(channel.feed)
            if count and _shows(channel) and self._told.get(channel) != count:
                self._told[channel] = count
                channel.murmur("readers", messages.readers(channel.feed, count))


def _shows(channel: Channel) -> bool:
    return bool(channel.size) and channel.feed_state.show_readers and not channel.ended
