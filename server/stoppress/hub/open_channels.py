"""The open channels of a process: one per feed, for as long as it is used.

Rules:
- The first request opens the feed; later ones wait for the same task, which goes on
  if the first request is cancelled.
- A channel closes `idle_s` after its last reader left; a lookup counts as use.
- A feed is closed before it is opened again.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, ValuesView

from stoppress.domain.errors import NotFound, StopPressError, Unavailable
from stoppress.hub.channel import Channel
from stoppress.hub.log_follower_protocol import Upstream
from stoppress.hub.task_set import TaskSet

OPEN_S = 10.0
"""How long opening a feed may take; then the request fails with Unavailable."""

log = logging.getLogger("stoppress.hub")


class OpenChannels:
    """Opens and closes channels; `make` builds one, `gone` is called when it closes."""

    def __init__(
        self,
        line: Upstream,
        idle_s: float,
        now: Callable[[], float],
        make: Callable[[str], Channel],
        gone: Callable[[Channel], None],
    ) -> None:
        self._line = line
        self._idle_s = idle_s
        self._now = now
        self._make = make
        self._gone = gone
        self._open: dict[str, Channel] = {}
        self._unused: dict[Channel, float] = {}
        self._opening: dict[str, asyncio.Task[Channel]] = {}
        self._closing: dict[str, asyncio.Task[None]] = {}
        self._openers = TaskSet()
        self._closers = TaskSet()
        self._stopped = False

    def all(self) -> ValuesView[Channel]:
        """Every open channel."""
        return self._open.values()

    def find(self, feed: str) -> Channel | None:
        """The feed's channel if it is open now; the lookup counts as use."""
        found = self._open.get(feed)
        if found is not None and found in self._unused:
            self._unused[found] = self._now()
        return found

    async def get(self, feed: str) -> Channel:
        """The feed's channel, open and filled. Raises NotFound, Unavailable."""
        found = self.find(feed)
        if found is not None:
            return found
        task = self._opening.get(feed)
        if task is None:
            if self._stopped:
                raise Unavailable("the server is shutting down")
            task = self._opening[feed] = self._openers.start(self._begin(feed))
        return await asyncio.shield(task)

    def used(self, channel: Channel) -> None:
        """Note that follows joined or left the channel."""
        if self._open.get(channel.feed) is not channel:
            return
        if channel.size:
            self._unused.pop(channel, None)
        else:
            self._unused[channel] = self._now()

    def close_unused(self, now: float) -> None:
        """Close every channel unused for `idle_s`."""
        for channel, since in list(self._unused.items()):
            if now - since >= self._idle_s:
                self.close(channel)

    def close(self, channel: Channel) -> None:
        """Close a channel; the next request opens another."""
        if self._open.get(channel.feed) is not channel:
            return
        del self._open[channel.feed]
        self._unused.pop(channel, None)
        channel.close()
        self._gone(channel)
        feed = channel.feed
        self._closing[feed] = self._closers.start(self._finish(feed))

    async def stop(self) -> None:
        """Close every channel, and refuse to open any."""
        self._stopped = True
        await self._openers.stop()
        for channel in list(self._open.values()):
            self.close(channel)
        await asyncio.gather(*self._closing.values(), return_exceptions=True)

    async def _begin(self, feed: str) -> Channel:
        try:
            closing = self._closing.get(feed)
            if closing is not None:
                await closing
            channel = self._make(feed)
            try:
                await self._fill(channel)
            except BaseException:
                self._gone(channel)
                raise
            self._open[feed] = channel
            self._unused[channel] = self._now()
            return channel
        finally:
            self._opening.pop(feed, None)

    async def _fill(self, channel: Channel) -> None:
        feed = channel.feed
        try:
            async with asyncio.timeout(OPEN_S):
                await self._line.open(feed, channel)
        except TimeoutError:
            await self._finish(feed)
            raise Unavailable(f"the feed {feed!r} did not open in time") from None
        if channel.ended:
            raise NotFound(feed)

    async def _finish(self, feed: str) -> None:
        try:
            async with asyncio.timeout(OPEN_S):
                await self._line.close(feed)
        except (TimeoutError, StopPressError) as problem:
            log.warning("closing the upstream of feed %s failed: %r", feed, problem)
        finally:
            self._closing.pop(feed, None)
