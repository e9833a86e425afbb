"""The link to Redis: a bounded pool of connections, one borrowed for each call.

Rules:
- Everything has the same time (`redis_timeout_s`), from waiting for a connection to
  the last answer. What can't be answered is Unavailable, and of a write nobody
  knows then whether it happened.
- Each connection is greeted when it is made: whether a primary is behind it, whether
  that fsyncs every write before it answers, and of which line of descent its data
  are. Behind the same address there may be another server by then.
- A connection on which a call did not end well is closed, not reused; and none is
  made again behind our back.
- All connections lead to one primary. Where one is answered by what is none any more,
  or another server is the primary now, all of them are left, those in use too.
"""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any, Protocol, cast
from weakref import WeakSet

from redis.asyncio.connection import AbstractConnection, ConnectionPool
from redis.exceptions import (
    AskError,
    AuthenticationError,
    MovedError,
    ReadOnlyError,
    RedisError,
    ResponseError,
    TryAgainError,
)

from stoppress.domain.errors import Unavailable
from stoppress.log.commands import Durability, Lives, RedisCommands, new_epoch
from stoppress.log.quorum import ServerAddress

CONNECTIONS = 32
"""Connections a process takes for calls; who finds none waits for one."""
WATCH_S = 1.0
"""Between two looks at where the primary is, where that may change."""

_NOT_NOW = ("BUSY ", "MISCONF", "NOREPLICAS")
"""Refusals that are about the server's state, and have no class of their own."""

log = logging.getLogger(__name__)


class NotPrimary(Unavailable):
    """What answers there is a replica."""


class SlotMoving(Unavailable):
    """What was asked for moves between servers, or has moved; nothing was done."""


class PrimaryFinder(Protocol):
    """Knows where the primary is: Sentinels."""

    async def primary(self) -> ServerAddress:
        """Where it is now. Raises Unavailable."""

    async def aclose(self) -> None:
        """End it."""


class Pool:
    """Connections to one primary. Made by `connect`."""

    def __init__(
        self,
        pool: ConnectionPool,
        lives: Lives,
        timeout_s: float,
        guide: PrimaryFinder | None = None,
        place: ServerAddress | None = None,
    ) -> None:
        self.timeout_s = timeout_s
        self.confirm = Durability()
        self._pool = pool
        self._lives = lives
        self._guide = guide
        self._place = place
        self._free: list[AbstractConnection] = []
        self._ours: WeakSet[AbstractConnection] = WeakSet()
        """Every connection to the primary, as far as is known."""
        self._permits = asyncio.Semaphore(CONNECTIONS)
        self._closed = False
        self.moved = asyncio.Event()
        """Never set: nothing ever moves to another link."""

    # shards.Shards, where one link leads to everything

    def of(self, key: str) -> Pool:
        """This one."""
        return self

    def links(self) -> tuple[Pool, ...]:
        """This one alone."""
        return (self,)

    def name_at(self, link: Pool, prefix: str) -> str:
        """Any name does."""
        return prefix + new_epoch()

    async def learn(self) -> None:
        """There is nothing to learn."""

    async def watch(self) -> None:
        """Leave a primary as soon as another is named, until cancelled.

        Where the address itself leads to it, there is nothing to watch.
        """
        while self._guide is not None:
            await asyncio.sleep(WATCH_S)
            with suppress(Unavailable), unavailable():
                async with asyncio.timeout(self.timeout_s):
                    await self._look()

    async def aclose(self) -> None:
        """Close every connection; those in use when they are given back."""
        self._closed = True
        while self._free:
            await _drop(self._free.pop())
        if self._guide is not None:
            await self._guide.aclose()

    # Connections

    @asynccontextmanager
    async def talk(self) -> AsyncIterator[RedisCommands]:
        """Borrow a connection. Raises Unavailable, also for what happens inside."""
        with unavailable():
            async with asyncio.timeout(self.timeout_s), self._permits:
                connection = await self._borrow()
                try:
                    yield RedisCommands(connection, self._lives, self.confirm)
                except ReadOnlyError:
                    if connection in self._ours:
                        await self._leave("it is a replica now")
                    raise
                finally:
                    # redis-py has closed it if a call was cut in the middle.
                    if self._closed or connection not in self._ours:
                        await _drop(connection)
                    elif connection.is_connected:
                        self._free.append(connection)

    async def connect(self) -> AbstractConnection:
        """A new connection to the primary, to be closed by the caller.

        Raises Unavailable.
        """
        with unavailable():
            async with asyncio.timeout(self.timeout_s):
                return await self._connect()

    async def quit(self, why: str) -> None:
        """Close every connection, those in use too."""
        self._closed = True
        await self._leave(why)

    async def _borrow(self) -> AbstractConnection:
        while self._free and not self._closed:
            connection = self._free.pop()
            if await _is_quiet(connection):
                return connection
            await _drop(connection)
        return await self._connect()

    async def _connect(self) -> AbstractConnection:
        if self._closed:
            raise Unavailable("the link to Redis is closed")
        await self._look()
        made = self._pool.make_connection()  # type: ignore[no-untyped-call]
        connection = cast(Any, made)
        if self._place is not None:
            connection.host, connection.port = self._place
        self._ours.add(made)
        try:
            await connection.connect()
            if made not in self._ours:
                raise Unavailable("the primary moved")
        except BaseException:
            self._ours.discard(made)
            await _drop(made)
            raise
        return cast(AbstractConnection, made)

    async def _look(self) -> None:
        """See where the primary is."""
        if self._guide is None:
            return
        place = await self._guide.primary()
        former, self._place = self._place, place
        if former not in (None, place):
            await self._leave(f"the primary is {place} now, no longer {former}")

    async def _leave(self, why: str) -> None:
        log.warning("leaving Redis, %d connections: %s", len(self._ours), why)
        left = list(self._ours)
        self._ours.clear()
        self._free.clear()
        for connection in left:
            await _drop(connection)


async def _is_quiet(connection: AbstractConnection) -> bool:
    """Whether it stands, and nothing is left to be read on it."""
    try:
        return connection.is_connected and not await connection.can_read()
    except (RedisError, OSError):
        return False


async def _drop(connection: AbstractConnection) -> None:
    with suppress(Exception):
        await connection.disconnect(nowait=True)


class unavailable:  # reads as a statement: `with unavailable():`
    """What goes wrong between us and Redis becomes Unavailable."""

    def __enter__(self) -> None:
        return

    def __exit__(self, kind: Any, wrong: BaseException | None, trace: Any) -> None:
        if isinstance(wrong, AuthenticationError):
            raise Unavailable("Redis refuses the user or the password") from wrong
        if isinstance(wrong, ReadOnlyError):
            raise NotPrimary("this Redis is a replica") from wrong
        if isinstance(wrong, MovedError | AskError | TryAgainError):
            raise SlotMoving(f"the slot is moving: {wrong}") from wrong
        if isinstance(wrong, ResponseError):
            # Those with a class are about the server's state or set-up; those without
            # (but for the above) are our own mistakes.
            if type(wrong) is not ResponseError or str(wrong).startswith(_NOT_NOW):
                raise Unavailable(f"Redis refuses: {wrong}") from wrong
            return
        if isinstance(wrong, TimeoutError):
            raise Unavailable("Redis did not answer in time") from wrong
        if isinstance(wrong, RedisError | OSError):
            raise Unavailable(_why_away(wrong)) from wrong


def _why_away(wrong: BaseException) -> str:
    cause: BaseException | None = wrong
    while cause is not None and not isinstance(cause, ssl.SSLError):
        cause = cause.__cause__ or cause.__context__
    if cause is None:
        return "Redis is away"
    if isinstance(cause, ssl.SSLCertVerificationError):
        return f"Redis shows a certificate that does not hold: {cause.verify_message}"
    return f"no TLS with Redis: {cause.reason}"
