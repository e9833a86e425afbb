"""Proxies that change bytes on the way: one splits segments, one swallows upgrades."""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator, Iterator, Sequence

from tests.foreign.proxy_site import Site

PIECE_BYTES = 16
"""What the splitting proxy sends at a time."""


@contextlib.asynccontextmanager
async def transforming(name: str, site: Site) -> AsyncIterator[None]:
    """One that splits every segment, or one that never answers an upgrade."""
    turn = _taking_turns(site.hubs)
    connections: set[asyncio.Task[None]] = set()

    async def accept(
        reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        task = asyncio.current_task()
        assert task is not None
        connections.add(task)
        try:
            if name == "splitting":
                await _split(reader, writer, next(turn))
            else:
                await _swallow_upgrades(reader, writer, next(turn))
        except (OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            connections.discard(task)
            writer.close()

    server = await asyncio.start_server(accept, sock=site.listener.dup())
    try:
        yield
    finally:
        server.close()
        for task in list(connections):
            task.cancel()
        await asyncio.gather(*connections, return_exceptions=True)


def _taking_turns(hubs: Sequence[str]) -> Iterator[str]:
    while True:
        yield from hubs


async def _connected(
    hub: str,
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    if hub.startswith("unix:"):
        return await asyncio.open_unix_connection(hub.removeprefix("unix:"))
    host, _, port = hub.removeprefix("http://").rpartition(":")
    return await asyncio.open_connection(host, int(port))


async def _copied(
    source: asyncio.StreamReader, sink: asyncio.StreamWriter, piece: int
) -> None:
    while data := await source.read(65536):
        for at in range(0, len(data), piece):
            sink.write(data[at : at + piece])
            await sink.drain()
            if piece < len(data):
                await asyncio.sleep(0)
    sink.write_eof()


async def _both_ways(
    client: tuple[asyncio.StreamReader, asyncio.StreamWriter],
    hub: tuple[asyncio.StreamReader, asyncio.StreamWriter],
    piece: int,
) -> None:
    up = asyncio.create_task(_copied(client[0], hub[1], piece))
    down = asyncio.create_task(_copied(hub[0], client[1], piece))
    try:
        # The hub ends the connection; the client may be done before.
        await down
    finally:
        for task in (up, down):
            task.cancel()
        await asyncio.gather(up, down, return_exceptions=True)
        hub[1].close()


async def _split(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, hub: str
) -> None:
    await _both_ways((reader, writer), await _connected(hub), PIECE_BYTES)


async def _swallow_upgrades(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, hub: str
) -> None:
    head = await reader.readuntil(b"\r\n\r\n")
    if re.search(rb"\r\nupgrade:", head, re.IGNORECASE):
        await reader.read()  # until the client gives up
        return
    # One request a connection, so that each head is seen.
    head = re.sub(rb"\r\nconnection:[^\r]*", b"", head, flags=re.IGNORECASE)
    other = await _connected(hub)
    other[1].write(head[:-2] + b"Connection: close\r\n\r\n")
    await _both_ways((reader, writer), other, 65536)
