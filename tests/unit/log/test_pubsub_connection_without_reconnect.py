"""One connection that listens: a line lost is a line ended."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any, cast

import pytest
from redis.asyncio.connection import AbstractConnection
from redis.exceptions import ConnectionError, ResponseError

from stoppress.domain.errors import Unavailable
from stoppress.log.pubsub_connection_without_reconnect import CHANNELS, PubSubConnection
from tests.waiting import until

pytestmark = pytest.mark.asyncio


class Line:
    """A connection whose messages are given by hand."""

    is_connected = True

    def __init__(self) -> None:
        self.messages: asyncio.Queue[object] = asyncio.Queue()
        self.sent: list[tuple[str, bytes]] = []
        self.batches = 0

    async def read_response(self, **_: object) -> object:
        message = await self.messages.get()
        if isinstance(message, Exception):
            raise message
        return message

    def pack_commands(self, commands: Sequence[Any]) -> Sequence[Any]:
        return commands

    async def send_packed_command(self, packed: Any, **_: object) -> None:
        self.batches += 1
        self.sent += packed

    async def disconnect(self, **_: object) -> None:
        self.is_connected = False


class Listening:
    """A subscription that listens, and what it heard."""

    def __init__(self) -> None:
        self.line = Line()
        self.received: list[tuple[bytes, bytes]] = []
        self.subscription = PubSubConnection(
            cast(AbstractConnection, self.line),
            lambda channel, message: self.received.append((channel, message)),
            30.0,
        )
        self.task = asyncio.create_task(self.subscription.listen())

    async def end(self, message: object) -> str:
        """What listening ends with, when this is read."""
        self.line.messages.put_nowait(message)
        with pytest.raises(Unavailable) as lost:
            await self.task
        return str(lost.value)


async def test_a_channel_is_listened_to_once_that_is_answered() -> None:
    """Its messages go to the callback."""
    on = Listening()
    asking = asyncio.create_task(on.subscription.subscribe([b"a", b"b"]))
    await asyncio.sleep(0)
    on.line.messages.put_nowait([b"ssubscribe", b"a", 1])
    await asyncio.sleep(0)
    assert on.line.sent == [("SSUBSCRIBE", b"a"), ("SSUBSCRIBE", b"b")]
    assert not asking.done()
    on.line.messages.put_nowait([b"ssubscribe", b"b", 2])
    await asking
    on.line.messages.put_nowait([b"smessage", b"a", b"hello"])
    on.line.messages.put_nowait([b"something", b"else", b"x"])
    assert "away" in await on.end(ConnectionError("lost"))
    assert on.received == [(b"a", b"hello")]


async def test_many_channels_are_asked_for_some_at_a_time() -> None:
    """The last answer of each batch stands for all."""
    on = Listening()
    channels = [b"c%d" % n for n in range(CHANNELS + 1)]
    asking = asyncio.create_task(on.subscription.subscribe(channels))
    await until(lambda: on.line.batches == 1)
    on.line.messages.put_nowait([b"ssubscribe", channels[CHANNELS - 1], 1])
    await until(lambda: on.line.batches == 2)
    on.line.messages.put_nowait([b"ssubscribe", channels[-1], 1])
    async with asyncio.timeout(60):
        await asking
    assert on.line.batches == 2 and len(on.line.sent) == CHANNELS + 1
    await on.end(ConnectionError("lost"))


async def test_an_end_that_was_asked_for_ends_nothing() -> None:
    """One that Redis makes by itself does: what is published is missed."""
    on = Listening()
    await on.subscription.unsubscribe(b"a")
    on.line.messages.put_nowait([b"sunsubscribe", b"a", 0])
    assert "by itself" in await on.end([b"sunsubscribe", b"a", 0])


async def test_a_refusal_ends_it_too() -> None:
    """With what Redis says."""
    assert "no permission" in await Listening().end(ResponseError("no permission"))


async def test_a_pending_command_fails_when_the_connection_is_lost() -> None:
    """And who asks later; redis-py would connect again by itself."""
    on = Listening()
    asking = asyncio.create_task(on.subscription.subscribe([b"a"]))
    await asyncio.sleep(0)
    await on.subscription.close()
    with pytest.raises(Unavailable, match="lost"):
        await asking
    with pytest.raises(Unavailable, match="lost"):
        await on.subscription.subscribe([b"b"])
    with pytest.raises(Unavailable, match="lost"):
        await on.subscription.unsubscribe(b"b")
    assert on.line.batches == 1
    on.task.cancel()
    await asyncio.gather(on.task, return_exceptions=True)


async def test_an_answer_without_a_waiter_is_ignored() -> None:
    """Who asked had no more patience."""
    on = Listening()
    asking = asyncio.create_task(on.subscription.subscribe([b"a"]))
    await asyncio.sleep(0)
    asking.cancel()
    await asyncio.gather(asking, return_exceptions=True)
    on.line.messages.put_nowait([b"ssubscribe", b"a", 1])
    on.line.messages.put_nowait([b"ssubscribe", b"a", 1])
    assert "away" in await on.end(ConnectionError("lost"))
