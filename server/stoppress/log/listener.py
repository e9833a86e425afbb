"""One line to Redis: a subscription, kept, and a probe that proves that it hears.

Rules:
- A probe goes through the primary every few seconds, to a channel of this line's
  own. If one does not come back, the line is given up, however alive it looks: it
  may be attached to a server that is the primary no longer (a replica refuses the
  probe). A new line counts as healthy only once its first probe came back: it may be
  attached there too.
- A line that was lost is made again, later each time, until `keep` is cancelled.
"""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Protocol

from stoppress.domain.errors import Unavailable
from stoppress.log import scripts
from stoppress.log.log_metrics import FollowerMetrics
from stoppress.log.pool import Pool
from stoppress.log.redis_commands import new_epoch
from stoppress.log.redis_keys import probe_prefix
from stoppress.log.subscription import Subscription

LISTENER_BACKOFF_S = (0.05, 2.0)

log = logging.getLogger(__name__)


def _heed_cancel() -> None:
    """End the task if it was told to while a group of its own failed.

    Before Python 3.13 a TaskGroup that ends with an error forgets its cancellation.
    """
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError


class ListenerOwner(Protocol):
    """Who has the line: says what it listens to, and is told of it."""

    def channels(self, link: Pool) -> Sequence[bytes]:
        """What is to be listened to there."""

    def hear(self, channel: bytes, message: bytes) -> None:
        """Take a message."""

    async def catch_up(self, link: Pool) -> None:
        """See what was missed: the line stands. Raises Unavailable."""

    def lost(self) -> None:
        """A line no longer stands: something is missed from now on."""

    def changed(self) -> None:
        """The line stands, or not; or its health is another."""


class Listener:
    """One line, over one link."""

    def __init__(
        self,
        link: Pool,
        name: Callable[[str], str],
        ends: ListenerOwner,
        metrics: FollowerMetrics,
        probe_s: float,
    ) -> None:
        self.link = link
        self.stands = False
        """Whether everything is listened to."""
        self.is_healthy = False
        """Whether it stands, and the last probe came back."""
        self.reason = ""
        """Why it was lost, until it is healthy again."""
        self.probed = asyncio.Event()
        """Set by each probe that comes back."""
        self._name = name
        self._ends = ends
        self._metrics = metrics
        self._probe_s = probe_s
        self._channel = b""
        self._nonce = b""
        self._subscription: Subscription | None = None
        self._listening = asyncio.Event()

    async def keep(self) -> None:
        """Have a line, and another one when it is lost."""
        pause_s = LISTENER_BACKOFF_S[0]
        try:
            while True:
                began = time.monotonic()
                try:
                    await self._hold()
                except* Unavailable as lost:
                    self.reason = str(lost.exceptions[0])
                    self._ends.changed()
                    log.warning("the line to Redis was lost: %s", self.reason)
                _heed_cancel()
                if time.monotonic() - began > LISTENER_BACKOFF_S[1]:
                    pause_s = LISTENER_BACKOFF_S[0]
                await asyncio.sleep(random.uniform(0, pause_s))
                pause_s = min(pause_s * 2, LISTENER_BACKOFF_S[1])
        finally:
            self._listening.set()  # nobody need wait for it any more

    async def listening(self) -> Subscription:
        """Wait until the line stands. Raises Unavailable."""
        with suppress(TimeoutError):
            async with asyncio.timeout(self.link.timeout_s):
                await self._listening.wait()
        if self._subscription is None:
            raise Unavailable("there is no line to Redis")
        return self._subscription

    async def unsubscribe(self, channel: bytes) -> None:
        """Listen to a channel no longer, if the line stands."""
        if self._subscription is not None:
            with suppress(Unavailable):  # then nothing is listened to any more
                await self._subscription.unsubscribe(channel)

    async def _hold(self) -> None:
        connection = await self.link.connect()
        line = Subscription(connection, self._hear, self.link.timeout_s)
        prefix = probe_prefix(self.link.database)
        self._channel = self._name(prefix).encode()
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(line.listen())
                await line.subscribe([self._channel, *self._ends.channels(self.link)])
                self._subscription = line
                self._listening.set()
                self.stands = True
                self._ends.changed()
                await self._ends.catch_up(self.link)
                await self._probe()
        finally:
            self._subscription = None
            self._listening.clear()
            self.stands = self.is_healthy = False
            self._ends.lost()
            self._ends.changed()
            await line.close()

    async def _probe(self) -> None:
        """See whether what is sent to the primary arrives; else raises Unavailable."""
        while True:
            self.probed.clear()
            self._nonce = new_epoch().encode()
            began = time.monotonic()
            try:
                async with asyncio.timeout(self._probe_s):
                    async with self.link.talk() as talk:
                        await scripts.probe(talk, self._channel, self._nonce)
                    await self.probed.wait()
            except (TimeoutError, Unavailable) as missed:
                self._metrics.probes_missed.add()
                why = str(missed) or "nothing in time"
                raise Unavailable(f"a probe did not come back: {why}") from None
            if not self.is_healthy:
                self.is_healthy = True
                self.reason = ""
                self._ends.changed()
            await asyncio.sleep(max(0.0, began + self._probe_s - time.monotonic()))

    def _hear(self, channel: bytes, message: bytes) -> None:
        if channel != self._channel:
            self._ends.hear(channel, message)
        elif message == self._nonce:
            self.probed.set()
