"""One connection that listens to sharded channels. A line lost is a line ended.

redis-py's own pub/sub subscribes again on its own and does not say that it did, so
that what was published meanwhile is missed in silence. Here the end of the
connection is the end of the subscription, and so is the end of a channel that nobody
asked for (a cluster's slot has moved): `listen` raises, and who follows starts over.
Subscribing is answered in order, so each command waits for its own answer.
"""

from __future__ import annotations

import asyncio
import math
from collections import Counter, deque
from collections.abc import Callable, Sequence

from redis.asyncio.connection import AbstractConnection
from redis.exceptions import ResponseError

from stoppress.domain.errors import Unavailable
from stoppress.log.redis_errors import said, unavailable, why

CHANNELS = 500
"""Channels subscribed to in one round trip."""


class Subscription:
    """Listens on a connection, which is its own; calls `hear(channel, message)`."""

    def __init__(
        self,
        connection: AbstractConnection,
        hear: Callable[[bytes, bytes], None],
        timeout_s: float,
    ) -> None:
        self._connection = connection
        self._hear = hear
        self._timeout_s = timeout_s
        self._asked: dict[bytes, deque[asyncio.Future[None]]] = {}
        self._given_up: Counter[bytes] = Counter()
        """Channels whose end was asked for, and is not answered yet."""
        self._closed = False

    async def listen(self) -> None:
        """Hear messages until the connection ends. Raises Unavailable."""
        connection = self._connection
        with unavailable():
            while True:
                try:
                    message = await connection.read_response(
                        disable_decoding=True, timeout=math.inf
                    )
                except ResponseError as refused:
                    raise why(refused) or Unavailable(
                        f"Redis refuses: {said(refused)}"
                    ) from refused
                match message:
                    case [b"smessage", channel, payload]:
                        self._hear(channel, payload)
                    case [b"ssubscribe", channel, _]:
                        self._answered(channel)
                    case [b"sunsubscribe", channel, _]:
                        if not self._given_up[channel]:
                            raise Unavailable("Redis ended a subscription by itself")
                        self._given_up[channel] -= 1
                        self._given_up = +self._given_up  # without those at 0

    async def subscribe(self, channels: Sequence[bytes]) -> None:
        """Listen to channels too; returns when it does. Raises Unavailable."""
        for at in range(0, len(channels), CHANNELS):
            some = channels[at : at + CHANNELS]
            # The answers come in order: the last stands for all.
            last = some[-1]
            answered = asyncio.get_running_loop().create_future()
            self._asked.setdefault(last, deque()).append(answered)
            with unavailable():
                async with asyncio.timeout(self._timeout_s):
                    # A command each: those of a cluster may be of different slots.
                    await self._send([("SSUBSCRIBE", channel) for channel in some])
                    await answered

    async def unsubscribe(self, channel: bytes) -> None:
        """Listen to a channel no longer. Raises Unavailable."""
        with unavailable():
            async with asyncio.timeout(self._timeout_s):
                self._given_up[channel] += 1
                await self._send([("SUNSUBSCRIBE", channel)])

    async def close(self) -> None:
        """End it; who waits for an answer gets Unavailable."""
        self._closed = True
        for waiting in self._asked.values():
            for answered in waiting:
                if not answered.done():
                    answered.set_exception(Unavailable("the line to Redis was lost"))
                    answered.exception()  # nobody may be waiting any more
        self._asked.clear()
        await self._connection.disconnect(nowait=True)

    async def _send(self, commands: Sequence[tuple[str, bytes]]) -> None:
        # redis-py would connect again on its own, without the subscriptions.
        if self._closed or not self._connection.is_connected:
            raise Unavailable("the line to Redis was lost")
        packed = self._connection.pack_commands(commands)
        await self._connection.send_packed_command(packed, check_health=False)

    def _answered(self, channel: bytes) -> None:
        waiting = self._asked.get(channel)
        if waiting:
            answered = waiting.popleft()
            if not answered.done():
                answered.set_result(None)
            if not waiting:
                del self._asked[channel]
