"""A TCP proxy that misbehaves: before the server, or between it and its Redis.

Rules: every connection is two pumps with tasks of its own, which end with it or
with the proxy. How bytes are treated is looked up for each piece, so a fault may
begin and end in mid-connection. `deafen` makes subscriptions to Redis deaf: those
that stand hear nothing more, new ones are answered as they should be and hear
nothing either, while everything else passes.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass

Dialled = tuple[asyncio.StreamReader, asyncio.StreamWriter]
PIECE = 1 << 16


@dataclass(frozen=True, slots=True)
class ProxyBehaviour:
    """How a proxy treats bytes. 0 is for: not at all."""

    gather_s: float = 0.0
    """How long what the server says is collected before it is passed on."""
    idle_s: float = 0.0
    """After how long without a byte a connection is closed."""
    cut_bytes: int = 0
    """After how many bytes a connection is cut, at most."""
    piece: int = 0
    """How many bytes are passed on at a time, in either direction."""


class _Pipe:
    """One connection through the proxy."""

    def __init__(self, near: Dialled, far: Dialled, left: int) -> None:
        self.near, self.far = near, far
        self.left = left
        self.moved_at = 0.0
        self.listens = self.deaf = self.frozen = False

    def end(self) -> None:
        for _, writer in (self.near, self.far):
            writer.transport.abort()


class Proxy:
    """Listens on a port of 127.0.0.1 and passes on to whatever `dial` reaches."""

    def __init__(
        self,
        dial: Callable[[], Awaitable[Dialled]],
        seed: int = 0,
        proxy_behaviour: ProxyBehaviour = ProxyBehaviour(),
    ) -> None:
        self.dial = dial
        self.proxy_behaviour = proxy_behaviour
        self.port = 0
        self.passed = 0
        """Connections there were."""
        self._random = random.Random(seed)
        self._deaf = False
        self._pipes: set[_Pipe] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None

    async def open(self) -> None:
        """Listen."""
        self._server = await asyncio.start_server(self._met, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]

    async def close(self) -> None:
        """End every connection, and listen no more."""
        assert self._server is not None
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def cut(self) -> None:
        """End every connection there is now."""
        for pipe in list(self._pipes):
            pipe.end()

    def freeze(self) -> int:
        """Who is connected now is never heard of again, nor told; how many."""
        for pipe in self._pipes:
            pipe.frozen = True
        return len(self._pipes)

    def deafen(self, new_ones: bool = True) -> None:
        """Subscriptions hear nothing: those there are and, or not, new ones."""
        self._deaf = new_ones
        for pipe in self._pipes:
            pipe.deaf |= pipe.listens

    def undeafen(self) -> None:
        """New subscriptions hear; a deaf one stays so."""
        self._deaf = False

    def _met(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(self._pass(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _pass(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        try:
            far = await self.dial()
        except OSError:
            writer.transport.abort()
            return
        cut = self.proxy_behaviour.cut_bytes
        left = self._random.randrange(1, cut) if cut else 0
        pipe = _Pipe((reader, writer), far, left)
        pipe.moved_at = asyncio.get_running_loop().time()
        self.passed += 1
        self._pipes.add(pipe)
        tasks = [
            asyncio.create_task(self._pump(pipe, reader, far[1], down=False)),
            asyncio.create_task(self._pump(pipe, far[0], writer, down=True)),
            asyncio.create_task(self._idle(pipe)),
        ]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            pipe.end()
            self._pipes.discard(pipe)

    async def _pump(
        self,
        pipe: _Pipe,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        *,
        down: bool,
    ) -> None:
        loop = asyncio.get_running_loop()
        with suppress(OSError):
            while data := await reader.read(self.proxy_behaviour.piece or PIECE):
                if pipe.frozen:
                    await loop.create_future()  # until the proxy is closed
                pipe.moved_at = loop.time()
                if down and self.proxy_behaviour.gather_s:
                    data += await _gathered(reader, self.proxy_behaviour.gather_s)
                if down and pipe.deaf:
                    continue
                if not down and b"SSUBSCRIBE" in data:
                    pipe.listens = True
                    pipe.deaf |= self._deaf
                    if self._deaf:
                        pipe.near[1].write(answered(data))
                        continue
                if pipe.left:
                    data, pipe.left = data[: pipe.left], pipe.left - len(data)
                    if pipe.left <= 0:
                        writer.write(data)
                        return
                writer.write(data)
                await writer.drain()
            if reader.at_eof() and writer.can_write_eof():
                writer.write_eof()
                await asyncio.sleep(1.0)  # the other direction may have more to say

    async def _idle(self, pipe: _Pipe) -> None:
        loop = asyncio.get_running_loop()
        while True:
            idle_s = self.proxy_behaviour.idle_s
            left_s = pipe.moved_at + idle_s - loop.time() if idle_s else 0.2
            if left_s <= 0:
                return
            await asyncio.sleep(left_s)


async def _gathered(reader: asyncio.StreamReader, gather_s: float) -> bytes:
    """What else comes within that time."""
    data = b""
    with suppress(TimeoutError):
        async with asyncio.timeout(gather_s):
            while piece := await reader.read(PIECE):
                data += piece
    return data


def answered(commands: bytes) -> bytes:
    """What Redis would answer to `SSUBSCRIBE`s."""
    words = commands.split(b"\r\n")[:-1]
    texts = [word for word in words if not word.startswith((b"*", b"$"))]
    channels = [text for text in texts if text != b"SSUBSCRIBE"]
    return b"".join(
        b"*3\r\n$10\r\nssubscribe\r\n$%d\r\n%b\r\n:%d\r\n" % (len(name), name, number)
        for number, name in enumerate(channels, 1)
    )
