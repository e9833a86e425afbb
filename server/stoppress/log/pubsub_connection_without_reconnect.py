"""One connection subscribed to sharded channels; it never reconnects by itself.

redis-py's own pub/sub subscribes again without notice, so messages published meanwhile
are missed silently. Here the end of the connection ends the subscription, and so does
an unsubscription by the server (a cluster's slot has moved): `listen` raises, and the
follower starts over. Redis answers subscriptions in order, so each command waits for
its own answer.
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


class PubSubConnection:
    """Listens on a connection of its own; calls `hear(channel, message)`."""

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
        """Channels with an unsubscription that is not answered yet."""
        self._closed = False

    async def listen(self) -> None:
        """Receive messages until the connection ends. Raises Unavailable."""
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
        """Subscribe to more channels; returns once that is done. Raises Unavailable."""
        for at in range(0, len(channels), CHANNELS):
            some = channels[at : at + CHANNELS]
            # The answers come in order: the last answer stands for all.
            last = some[-1]
            answered = asyncio.get_running_loop().create_future()
            self._asked.setdefault(last, deque()).append(answered)
            with unavailable():
                async with asyncio.timeout(self._timeout_s):
                    # One command each: in a cluster their slots may differ.
                    await self._send([("SSUBSCRIBE", channel) for channel in some])
                    await answered

    async def unsubscribe(self, channel: bytes) -> None:
        """Unsubscribe from a channel. Raises Unavailable."""
        with unavailable():
            async with asyncio.timeout(self._timeout_s):
                self._given_up[channel] += 1
                await self._send([("SUNSUBSCRIBE", channel)])

    async def close(self) -> None:
        """Close the connection; calls that wait for an answer get Unavailable."""
        self._closed = True
        for waiting in self._asked.values():
            for answered in waiting:
                if not answered.done():
                    answered.set_exception(Unavailable("the connection was lost"))
                    answered.exception()  # retrieved, as there may be no waiter
        self._asked.clear()
        await self._connection.disconnect(nowait=True)

    async def _send(self, commands: Sequence[tuple[str, bytes]]) -> None:
        # redis-py would reconnect by itself, without the subscriptions.
        if self._closed or not self._connection.is_connected:
            raise Unavailable("the connection to Redis was lost")
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
