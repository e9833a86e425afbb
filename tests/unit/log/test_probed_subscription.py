"""A line that is told to end does, whatever else happens just then."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import asynccontextmanager
from typing import Any, cast

import pytest
from redis.exceptions import ConnectionError

from stoppress.log.log_metrics import FollowerMetrics
from stoppress.log.pool import Pool
from stoppress.log.probed_subscription import ProbedSubscription

pytestmark = pytest.mark.asyncio


class Wire:
    """A connection that can be cut at a moment of our choice."""

    is_connected = True

    def __init__(self) -> None:
        self.reading: asyncio.Future[None] = asyncio.Future()
        self.closed = False

    async def read_response(self, **_: object) -> None:
        """Nothing comes, until it is cut."""
        await self.reading

    def pack_commands(self, commands: Sequence[object]) -> Sequence[object]:
        """As they are."""
        return commands

    async def send_packed_command(self, *_: object, **__: object) -> None:
        """Goes nowhere."""

    async def disconnect(self, **_: object) -> None:
        """Note it."""
        self.closed = True


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
