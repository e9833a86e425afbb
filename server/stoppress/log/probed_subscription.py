"""A subscription that is kept open, with probes that prove that messages arrive.

Rules:
- Every few seconds a probe is published through the primary, to a channel of this
  subscription only. If a probe does not arrive, the connection is closed, even if it
  seems to work: it may lead to a server that is no longer the primary (a replica
  refuses the probe). For the same reason a new connection counts as healthy only after
  its first probe arrived.
- A lost connection is made again, after growing pauses, until `keep` is cancelled.
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
from stoppress.log import feed_read_scripts as reads
from stoppress.log.log_metrics import FollowerMetrics
from stoppress.log.pool import OVERWRITTEN_BYTES, Pool
from stoppress.log.pubsub_connection_without_reconnect import PubSubConnection
from stoppress.log.redis_commands_scripts_and_durability import new_epoch
from stoppress.log.redis_keys import probe_prefix

SUBSCRIPTION_BACKOFF_S = (0.05, 2.0)

log = logging.getLogger(__name__)


def _heed_cancel() -> None:
    """End the task if it was cancelled while its own TaskGroup failed.

    Before Python 3.13 a TaskGroup that ends with an error forgets its cancellation.
    """
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError


class SubscriptionOwner(Protocol):
    """The owner of a subscription: names its channels, and gets its messages."""

    def channels(self, link: Pool) -> Sequence[bytes]:
        """The channels to subscribe to on that server."""

    def hear(self, channel: bytes, message: bytes) -> None:
        """Handle a message."""

    async def catch_up(self, link: Pool) -> None:
        """Read what was missed: the subscription works again. Raises Unavailable."""

    def lost(self) -> None:
        """The subscription is lost: messages are missed from now on."""

    def changed(self) -> None:
        """The state of the subscription, or its health, has changed."""


class Announcements(Protocol):
    """Messages to every process of a store, on a channel of their own."""

    @property
    def channel(self) -> str:
        """The name of the channel."""

    def hear(self, message: bytes) -> None:
        """Handle a message."""

    def missed(self) -> None:
        """Messages may have been missed: the subscription is new."""


class ProbedSubscription:
    """The subscription of one pool's server."""

    def __init__(
        self,
        link: Pool,
        name: Callable[[str], str],
        ends: SubscriptionOwner,
        metrics: FollowerMetrics,
        probe_s: float,
    ) -> None:
        self.link = link
        self.stands = False
        """Whether all channels are subscribed to."""
        self.is_healthy = False
        """Whether the subscription works and its last probe arrived."""
        self.reason = ""
        """Why it was lost, until it is healthy again."""
        self.probed = asyncio.Event()
        """Set by each probe that arrives."""
        self._name = name
        self._ends = ends
        self._metrics = metrics
        self._probe_s = probe_s
        self._channel = b""
        self._nonce = b""
        self._subscription: PubSubConnection | None = None
        self._listening = asyncio.Event()
        self._overwritten = asyncio.Event()

    async def keep(self) -> None:
        """Keep a subscription; make another one when it is lost."""
        pause_s = SUBSCRIPTION_BACKOFF_S[0]
        try:
            while True:
                began = time.monotonic()
                try:
                    await self._hold()
                except* Unavailable as lost:
                    self.reason = str(lost.exceptions[0])
                    self._ends.changed()
                    log.warning("the subscription to Redis was lost: %s", self.reason)
                _heed_cancel()
                if time.monotonic() - began > SUBSCRIPTION_BACKOFF_S[1]:
                    pause_s = SUBSCRIPTION_BACKOFF_S[0]
                await asyncio.sleep(random.uniform(0, pause_s))  # noqa: S311 (spreads load, no secret)
                pause_s = min(pause_s * 2, SUBSCRIPTION_BACKOFF_S[1])
        finally:
            self._listening.set()  # for tasks that still wait

    async def listening(self) -> PubSubConnection:
        """Wait until the subscription works. Raises Unavailable."""
        with suppress(TimeoutError):
            async with asyncio.timeout(self.link.timeout_s):
                await self._listening.wait()
        if self._subscription is None:
            raise Unavailable("there is no subscription to Redis")
        return self._subscription

    async def unsubscribe(self, channel: bytes) -> None:
        """Unsubscribe from a channel, if the subscription works."""
        if self._subscription is not None:
            with suppress(Unavailable):  # then there is no subscription to end
                await self._subscription.unsubscribe(channel)

    async def overwrite_buffer(self) -> None:
        """Make Redis send a long message, which overwrites earlier ones.

        A subscription that is lost, or that does not get it in time, has no buffer to
        overwrite, or will soon have another.
        """
        if not self.is_healthy:
            return
        self._overwritten.clear()
        with suppress(Unavailable, TimeoutError):
            async with asyncio.timeout(self._probe_s):
                async with self.link.borrow() as redis:
                    await reads.probe(redis, self._channel, bytes(OVERWRITTEN_BYTES))
                await self._overwritten.wait()

    async def _hold(self) -> None:
        connection = await self.link.connect()
        line = PubSubConnection(connection, self._hear, self.link.timeout_s)
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
        """Check that a message sent to the primary arrives; raises Unavailable."""
        while True:
            self.probed.clear()
            self._nonce = new_epoch().encode()
            began = time.monotonic()
            try:
                async with asyncio.timeout(self._probe_s):
                    async with self.link.borrow() as redis:
                        await reads.probe(redis, self._channel, self._nonce)
                    await self.probed.wait()
            except (TimeoutError, Unavailable) as missed:
                self._metrics.probes_missed.add()
                why = str(missed) or "timeout"
                raise Unavailable(f"a probe did not arrive: {why}") from None
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
        elif len(message) == OVERWRITTEN_BYTES:
            self._overwritten.set()
