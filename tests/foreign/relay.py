"""A TCP relay before a server: it can be cut, and it can split what passes.

Rules: it holds its port from the beginning to the end; while it is cut, new connections
are reset at once. Every connection is two tasks, which end with it or with the relay.
Splitting passes bytes on in random pieces, each one a segment of its own, as a path
with a tiny MTU would; the seed makes a run repeatable.
"""

from __future__ import annotations

import asyncio
import random
import socket
import threading
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager, suppress
from typing import Any, TypeVar
from urllib.parse import urlsplit

CHUNK = 1 << 16
PIECE = 40
"""Bytes of the largest piece, when splitting."""
T = TypeVar("T")


class BackgroundLoop:
    """An event loop in a thread, for tests that are not asynchronous themselves."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()

    def run(self, work: Coroutine[Any, Any, T], within_s: float = 120.0) -> T:
        """Do this there, and wait for it."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(within_s)

    def call(self, work: Callable[[], None]) -> None:
        """Do this there, and wait for it."""

        async def called() -> None:
            work()

        self.run(called())

    def close(self) -> None:
        """End the loop, what goes on in it, and its thread."""
        self.run(_end_all())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


async def _end_all() -> None:
    """End all other tasks: a client may come again just when its relay is closed."""
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)
    # Their sockets are closed in the turns after.
    for _ in range(3):
        await asyncio.sleep(0)


class Relay:
    """Listens on a port of 127.0.0.1 and passes on to `target`."""

    def __init__(self, target: str, *, splits: bool, seed: int = 0) -> None:
        address = urlsplit(target)
        assert address.hostname is not None and address.port is not None
        self._host, self._port = address.hostname, address.port
        self._splits = splits
        self._random = random.Random(seed)
        self._is_cut = False
        self._tasks: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None
        self.url = ""

    async def open(self) -> None:
        """Listen."""
        self._server = await asyncio.start_server(self._came, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    async def close(self) -> None:
        """End every connection, and listen no more."""
        assert self._server is not None
        self._server.close()
        self.cut()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def cut(self) -> None:
        """Reset every connection, and new ones until `mend`."""
        self._is_cut = True
        for task in self._tasks:
            task.cancel()

    def mend(self) -> None:
        """Pass on again."""
        self._is_cut = False

    async def _came(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        task = asyncio.current_task()
        assert task is not None
        if self._is_cut:
            _reset(writer)
            return
        self._tasks.add(task)
        try:
            await self._join(reader, writer)
        except (OSError, asyncio.CancelledError):
            pass
        finally:
            self._tasks.discard(task)
            _reset(writer)

    async def _join(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        far_reader, far_writer = await asyncio.open_connection(self._host, self._port)
        try:
            async with asyncio.TaskGroup() as pumps:
                pumps.create_task(self._pump(reader, far_writer))
                pumps.create_task(self._pump(far_reader, writer))
        except* OSError:
            pass
        finally:
            far_writer.transport.abort()

    async def _pump(
        self, source: asyncio.StreamReader, sink: asyncio.StreamWriter
    ) -> None:
        """Pass on until the end, and the end too."""
        sink.get_extra_info("socket").setsockopt(
            socket.IPPROTO_TCP, socket.TCP_NODELAY, 1
        )
        while data := await source.read(CHUNK):
            for piece in self._pieces(data):
                sink.write(piece)
                await sink.drain()
                if self._splits:
                    # Lets the other side read this piece before the next is there.
                    await asyncio.sleep(0)
        with suppress(OSError):
            sink.write_eof()

    def _pieces(self, data: bytes) -> Iterator[bytes]:
        if not self._splits:
            yield data
            return
        at = 0
        while at < len(data):
            size = self._random.randint(1, PIECE)
            yield data[at : at + size]
            at += size


def _reset(writer: asyncio.StreamWriter) -> None:
    """End a connection at once, with a reset if anything was on its way."""
    writer.transport.abort()


@contextmanager
def relayed(
    loop: BackgroundLoop, target: str, *, splits: bool = False
) -> Iterator[Relay]:
    """A relay before `target`."""
    relay = Relay(target, splits=splits)
    loop.run(relay.open())
    try:
        yield relay
    finally:
        loop.run(relay.close())
