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
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from typing import Any, Protocol, cast
from weakref import WeakSet

from redis.asyncio.connection import (
    AbstractConnection,
    Connection,
    ConnectionPool,
    SSLConnection,
    UnixDomainSocketConnection,
)
from redis.exceptions import ConnectionError, ReadOnlyError, RedisError

from stoppress.domain.errors import Unavailable
from stoppress.log.quorum import ServerAddress
from stoppress.log.redis_commands import Durability, Lives, RedisCommands, new_epoch
from stoppress.log.redis_errors import SlotMoving, unavailable

CONNECTIONS = 32
"""Connections a process takes for calls; who finds none waits for one."""
WATCH_S = 1.0
"""Between two looks at where the primary is, where that may change."""

REPEAT_LOG_S = 10.0
"""What Redis refuses again and again is logged once in this time."""

FIRST_WORDS_S = 0.5
"""How long a server that hung up is listened to."""

log = logging.getLogger(__name__)


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
        self._is_made = False
        """Whether something was answered on it."""
        self._logged = ("", 0.0)
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

    @property
    def database(self) -> int:
        """The number of the database."""
        return int(self._pool.connection_kwargs.get("db") or 0)

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
        with self._told(), unavailable():
            async with asyncio.timeout(self.timeout_s), self._permits:
                connection = await self._borrow()
                try:
                    yield RedisCommands(connection, self._lives, self.confirm)
                    self._is_made = True
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
        with self._told(), unavailable():
            async with asyncio.timeout(self.timeout_s):
                return await self._connect()

    async def quit(self, why: str) -> None:
        """Close every connection, those in use too."""
        self._closed = True
        await self._leave(why)

    @contextmanager
    def _told(self) -> Iterator[None]:
        """Log what Redis said, and the same once in a while."""
        try:
            yield
        except SlotMoving:
            raise
        except Unavailable as wrong:
            now = time.monotonic()
            said, at = self._logged
            # Before, whoever makes the link tells it.
            if self._is_made and (str(wrong) != said or now - at > REPEAT_LOG_S):
                self._logged = (str(wrong), now)
                log.warning("%s", wrong)
            raise

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
        except BaseException as wrong:
            self._ours.discard(made)
            await _drop(made)
            if type(wrong) is ConnectionError:
                words = await _first_words(cast(AbstractConnection, made))
                if words:
                    raise ConnectionError(words) from None
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


async def _first_words(connection: AbstractConnection) -> str:
    """What a server that hangs up at once says first, if it does.

    It says so before it has read what was sent, and the kernel may drop it with that:
    so nothing is sent here. Over TLS it says nothing.
    """
    if isinstance(connection, SSLConnection):
        return ""
    try:
        async with asyncio.timeout(FIRST_WORDS_S):
            if isinstance(connection, UnixDomainSocketConnection):
                reader, writer = await asyncio.open_unix_connection(connection.path)
            else:
                at = cast(Connection, connection)
                reader, writer = await asyncio.open_connection(at.host, at.port)
            try:
                words = await reader.readline()
            finally:
                writer.close()
    except OSError:
        return ""
    return words.decode(errors="replace").removeprefix("-ERR").strip()
