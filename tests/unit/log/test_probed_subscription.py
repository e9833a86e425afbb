"""A subscription that is told to end does, and its buffers are overwritten."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import asynccontextmanager
from typing import Any, cast

import pytest
from redis.exceptions import ConnectionError

from stoppress.log.log_metrics import FollowerMetrics
from stoppress.log.pool import OVERWRITTEN_BYTES, Pool
from stoppress.log.probed_subscription import ProbedSubscription
from stoppress.log.redis_keys import probe_prefix
from tests.waiting import until

pytestmark = pytest.mark.asyncio


class Wire:
    """A connection that can be cut at a moment of our choice."""

    is_connected = True

    def __init__(self) -> None:
        self.reading: asyncio.Future[None] = asyncio.Future()
        self.closed = False

    async def read_response(self, **_: object) -> object:
        """Nothing comes, until it is cut."""
        await self.reading
        return None

    def pack_commands(self, commands: Sequence[object]) -> Sequence[object]:
        """As they are."""
        return commands

    async def send_packed_command(self, *_: Any, **__: object) -> None:
        """Goes nowhere."""

    async def disconnect(self, **_: object) -> None:
        """Note it."""
        self.closed = True


class AnsweringWire(Wire):
    """A connection with a server that answers."""

    def __init__(self) -> None:
        super().__init__()
        self.messages: asyncio.Queue[list[object]] = asyncio.Queue()

    async def read_response(self, **_: object) -> object:
        """What the server sends."""
        return await self.messages.get()

    async def send_packed_command(self, *packed: Any, **_: object) -> None:
        """Each command is done."""
        for command, channel in packed[0]:
            self.messages.put_nowait([command.lower().encode(), channel, 1])


class Way:
    """A link to such connections."""

    timeout_s = 30.0
    database = 0

    def __init__(self) -> None:
        self.wires: list[Wire] = []

    async def connect(self) -> Wire:
        """Another one."""
        self.wires.append(Wire())
        return self.wires[-1]

    @asynccontextmanager
    async def borrow(self) -> Any:
        """Nobody talks here."""
        raise AssertionError
        yield


class PublishingWay(Way):
    """Delivers what is published to its subscriber, unless it is told not to."""

    def __init__(self) -> None:
        super().__init__()
        self.wire = AnsweringWire()
        self.published: list[bytes] = []
        self.delivers = True

    async def connect(self) -> Wire:
        """The same one."""
        return self.wire

    @asynccontextmanager
    async def borrow(self) -> Any:
        """Calls go through it."""
        yield self

    async def read(self, _: object, keys: Sequence[bytes], args: Any) -> None:
        """Publish the message of a probe."""
        self.published.append(args[0])
        if self.delivers:
            self.wire.messages.put_nowait([b"smessage", keys[0], args[0]])


class Nobody:
    """Listens to nothing."""

    def channels(self, link: Pool) -> Sequence[bytes]:
        return ()

    def hear(self, channel: bytes, message: bytes) -> None: ...

    async def catch_up(self, link: Pool) -> None: ...

    def lost(self) -> None: ...

    def changed(self) -> None: ...


async def test_ends_though_it_is_lost_in_the_same_moment() -> None:
    """The loss is not taken for the reason to go on."""
    way = Way()
    link = cast(Pool, way)
    line = ProbedSubscription(
        link, lambda prefix: prefix, Nobody(), FollowerMetrics(), 30.0
    )
    keeping = asyncio.create_task(line.keep())
    for _ in range(5):
        await asyncio.sleep(0)
    (wire,) = way.wires
    wire.reading.set_exception(ConnectionError("cut"))
    await asyncio.sleep(0)
    await asyncio.sleep(0)  # its own group is ending now, with that error
    keeping.cancel()
    await asyncio.wait([keeping], timeout=60)
    assert keeping.cancelled()
    assert wire.closed
    assert len(way.wires) == 1


async def test_a_long_message_overwrites_the_buffer() -> None:
    """Once it has arrived, and no longer than a probe may take; unhealthy: none."""
    way = PublishingWay()
    line = ProbedSubscription(
        cast(Pool, way), lambda prefix: prefix, Nobody(), FollowerMetrics(), 30.0
    )
    await line.overwrite_buffer()
    assert way.published == []
    keeping = asyncio.create_task(line.keep())
    await until(lambda: line.is_healthy)
    await line.overwrite_buffer()
    assert [len(one) for one in way.published[1:]] == [OVERWRITTEN_BYTES]
    assert line.is_healthy
    way.delivers = False
    waiting = asyncio.create_task(line.overwrite_buffer())
    await until(lambda: len(way.published) == 3)
    assert not waiting.done()
    way.wire.messages.put_nowait([b"smessage", b"another", way.published[-1]])
    channel = probe_prefix(0).encode()
    way.wire.messages.put_nowait([b"smessage", channel, way.published[-1]])
    await asyncio.wait_for(waiting, 60)
    keeping.cancel()
    await asyncio.wait([keeping], timeout=60)
