"""A bounded pool of connections to Redis; each call borrows one.

Rules:
- One timeout (`redis_timeout_s`) covers everything from waiting for a connection to the
  last answer. After it the call is Unavailable, and the outcome of a write is unknown.
- Each new connection is checked: whether it leads to a primary, whether that server
  fsyncs every write before it answers, and the lineage of its data. Another server may
  have taken the same address meanwhile.
- A connection on which a call failed is closed, not reused; redis-py does not reconnect
  it.
- All connections lead to one primary. If one of them turns out to lead to a replica, or
  another server becomes the primary, all of them are closed, those in use too.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from typing import Protocol, cast
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
from stoppress.log.grouped_writes import GroupedWrites
from stoppress.log.quorum_query import ServerAddress
from stoppress.log.redis_commands_scripts_and_durability import (
    Durability,
    Lives,
    RedisCommands,
    new_epoch,
)
from stoppress.log.redis_errors import SlotMoving, unavailable

CONNECTIONS = 32
"""Connections per process for calls; a call that finds none waits for one."""
WATCH_S = 1.0
"""Seconds between two looks at where the primary is, if that may change."""

REPEAT_LOG_S = 10.0
"""A repeated refusal of Redis is logged once within this time."""

FIRST_WORDS_S = 0.5
"""How long to listen to a server that closed the connection."""

log = logging.getLogger(__name__)


class PrimaryFinder(Protocol):
    """Finds the primary: Sentinels."""

    async def primary(self) -> ServerAddress:
        """The address of the primary. Raises Unavailable."""

    async def aclose(self) -> None:
        """Close its connections."""


OVERWRITTEN_BYTES = 256 << 10
"""More than the buffers of a connection hold after a read."""


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
        """Every connection to the primary, as far as known."""
        self._permits = asyncio.Semaphore(CONNECTIONS)
        self.writes = GroupedWrites(self.borrow)
        """Writes that are ready together, in one round trip."""
        self._closed = self._has_quit = False
        self._is_made = False
        """Whether a call succeeded."""
        self._logged = ("", 0.0)
        self.moved = asyncio.Event()
        """Never set: keys do not move to another pool."""

    # shard_pools.Shards, for a store with one pool

    def of(self, key: str) -> Pool:
        """This pool."""
        return self

    def links(self) -> tuple[Pool, ...]:
        """This pool only."""
        return (self,)

    def name_at(self, link: Pool, prefix: str) -> str:
        """A new name; any name will do."""
        return prefix + new_epoch()

    @property
    def database(self) -> int:
        """The number of the database."""
        return int(self._pool.connection_kwargs.get("db") or 0)

    async def learn(self) -> None:
        """Nothing: there is only one pool."""

    async def watch(self) -> None:
        """Leave a primary as soon as another one is named, until cancelled.

        Without Sentinels there is nothing to watch.
        """
        while self._guide is not None:
            await asyncio.sleep(WATCH_S)
            with suppress(Unavailable), unavailable():
                async with asyncio.timeout(self.timeout_s):
                    await self._look()

    async def aclose(self) -> None:
        """Close every connection; those in use once they are given back."""
        self._closed = True
        await self.writes.aclose()
        while self._free:
            await _drop(self._free.pop())
        if self._guide is not None:
            await self._guide.aclose()

    # Connections

    @asynccontextmanager
    async def borrow(self) -> AsyncIterator[RedisCommands]:
        """Borrow a connection. Raises Unavailable, also for errors in the block."""
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
        """A new connection to the primary, which the caller closes.

        Raises Unavailable.
        """
        with self._told(), unavailable():
            async with asyncio.timeout(self.timeout_s):
                return await self._connect()

    async def close_idle(self) -> None:
        """Close the idle connections, and overwrite what they hold of earlier answers.

        A closed one is freed by the collector, if at all.
        """
        idle, self._free = self._free, []
        for connection in idle:
            with suppress(RedisError, OSError, TimeoutError):
                async with asyncio.timeout(self.timeout_s):
                    await overwrite_buffer(connection)
            await _drop(connection)

    async def quit(self, why: str) -> None:
        """Close every connection, those in use too: another pool has the keys now."""
        self._closed = self._has_quit = True
        await self._leave(why)

    @contextmanager
    def _told(self) -> Iterator[None]:
        """Log an error of Redis; the same error only once in a while."""
        try:
            yield
        except Unavailable as wrong:
            now = time.monotonic()
            said, at = self._logged
            # Until a call succeeds, the code that makes the pool reports errors. A slot
            # that moves is none: the call is made again where it is.
            is_news = str(wrong) != said or now - at > REPEAT_LOG_S
            if self._is_made and is_news and type(wrong) is not SlotMoving:
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
        while True:
            if self._has_quit:
                raise SlotMoving("the slot is moving: its server has no slots any more")
            if self._closed:
                raise Unavailable("the connection pool is closed")
            await self._look()
            made = self._pool.make_connection()  # type: ignore[no-untyped-call]
            if self._place is not None:
                made.host, made.port = self._place
            try:
                if await self._connected(made):
                    return cast(AbstractConnection, made)
            except ConnectionError as wrong:
                if type(wrong) is ConnectionError and (
                    words := await _first_words(made)
                ):
                    raise ConnectionError(words) from None
                raise
            # The primary moved meanwhile, and nothing was sent yet: connect to the new.

    async def _connected(self, made: AbstractConnection) -> bool:
        """Connect; returns whether the connection leads to the primary by then."""
        self._ours.add(made)
        is_ours = False
        try:
            await made.connect()  # type: ignore[no-untyped-call]
            is_ours = made in self._ours
        except Exception:
            if made in self._ours:
                raise
        finally:
            if not is_ours:
                self._ours.discard(made)
                await _drop(made)
        return is_ours

    async def _look(self) -> None:
        """Find the primary; leave the former one if it has changed."""
        if self._guide is None:
            return
        place = await self._guide.primary()
        former, self._place = self._place, place
        if former not in (None, place):
            await self._leave(f"the primary is {place} now, not {former}")

    async def _leave(self, why: str) -> None:
        log.warning("closing %d connections to Redis: %s", len(self._ours), why)
        left = list(self._ours)
        self._ours.clear()
        self._free.clear()
        for connection in left:
            await _drop(connection)


async def overwrite_buffer(connection: AbstractConnection) -> None:
    """Make the server send a long answer, which overwrites earlier ones."""
    await connection.send_command("ECHO", bytes(OVERWRITTEN_BYTES), check_health=False)
    await connection.read_response(disable_decoding=True)
    await connection.send_command("ECHO", b"", check_health=False)
    await connection.read_response(disable_decoding=True)


async def _is_quiet(connection: AbstractConnection) -> bool:
    """Whether the connection is open, with nothing left to read."""
    try:
        return connection.is_connected and not await connection.can_read()
    except (RedisError, OSError):
        return False


async def _drop(connection: AbstractConnection) -> None:
    with suppress(Exception):
        await connection.disconnect(nowait=True)


async def _first_words(connection: AbstractConnection) -> str:
    """The first line of a server that closes the connection at once, or "".

    The server sends it before it reads anything, and the kernel may drop it together
    with unread input: so nothing is sent here. Over TLS there is no such line.
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
