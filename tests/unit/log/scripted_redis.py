"""A server at a port that answers each command as a test says, and when it says so."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

Answer = Callable[[list[str]], Awaitable[bytes | None]]
"""The raw answer to a command; None closes the connection instead."""


class ScriptedRedis:
    """One server; its answer to what every client says first is always OK."""

    def __init__(self, answer: Answer) -> None:
        self.port = 0
        self.asked: list[list[str]] = []
        self._answer = answer
        self._connections: set[asyncio.Task[Any]] = set()

    @property
    def url(self) -> str:
        """Its address."""
        return f"redis://127.0.0.1:{self.port}"

    async def serve(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        """Answer one connection's commands."""
        task = asyncio.current_task()
        assert task is not None
        self._connections.add(task)
        try:
            while command := await _command(reader):
                answer: bytes | None = b"+OK\r\n"
                if command[0] != "CLIENT":
                    self.asked.append(command)
                    answer = await self._answer(command)
                if answer is None:
                    break
                writer.write(answer)
                await writer.drain()
        except OSError:
            pass  # the client has left
        except asyncio.CancelledError:
            pass  # the test is over; asyncio.streams logs a task that was cancelled
        finally:
            self._connections.discard(task)
            writer.close()

    async def end(self) -> None:
        """End the connections that are left, before the loop ends them."""
        left = list(self._connections)
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)


@asynccontextmanager
async def scripted(answer: Answer) -> AsyncIterator[ScriptedRedis]:
    """A server that answers so."""
    redis = ScriptedRedis(answer)
    server = await asyncio.start_server(redis.serve, "127.0.0.1", 0)
    redis.port = server.sockets[0].getsockname()[1]
    try:
        yield redis
    finally:
        server.close()
        await redis.end()


def bulk(text: str) -> bytes:
    """A text as Redis answers it."""
    return b"$%d\r\n%b\r\n" % (len(text), text.encode())


async def _command(reader: asyncio.StreamReader) -> list[str]:
    """The next command; empty at the end."""
    head = await reader.readline()
    if not head:
        return []
    words = []
    for _ in range(int(head[1:])):
        size = int((await reader.readline())[1:])
        words.append((await reader.readexactly(size + 2))[:-2].decode())
    return words
