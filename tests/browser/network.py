"""A reader's network: the real one, but that it can be cut, go silent and be away.

A proxy in a thread of its own, before the server; the page is opened at `url`.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from urllib.parse import urlsplit

from tests.conftest import END_S
from tests.faults.proxy import Dialled, Proxy


class Network:
    """One reader's way to a server."""

    def __init__(self, server_url: str) -> None:
        where = urlsplit(server_url)
        self._address = (where.hostname, where.port)
        self._away = False
        self._loop = asyncio.new_event_loop()
        self._proxy = Proxy(self._dial)
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self._proxy.open(), self._loop).result(END_S)
        self.url = f"http://127.0.0.1:{self._proxy.port}"

    @property
    def passed(self) -> int:
        """Connections there were."""
        return self._proxy.passed

    def cut(self) -> None:
        """Every connection ends, as when a router is restarted."""
        self._do(self._proxy.cut)

    def fall_silent(self) -> None:
        """Who is connected hears nothing more, not even an end, as after a roam."""
        self._do(self._proxy.freeze)

    def go(self, *, away: bool) -> None:
        """There is no network, or there is one again."""

        def do() -> None:
            self._away = away
            if away:
                self._proxy.cut()

        self._do(do)

    def close(self) -> None:
        """End it, and all its connections."""
        closing = self._proxy.close()
        asyncio.run_coroutine_threadsafe(closing, self._loop).result(END_S)
        self._do(self._loop.stop)
        self._thread.join(END_S)
        self._loop.close()

    async def _dial(self) -> Dialled:
        if self._away:
            raise OSError("no network")
        return await asyncio.open_connection(*self._address)

    def _do(self, act: Callable[[], object]) -> None:
        self._loop.call_soon_threadsafe(act)


class SocketlessNetwork:
    """A network whose proxy never answers a WebSocket's handshake; the rest passes."""

    def __init__(self, server_url: str) -> None:
        where = urlsplit(server_url)
        self._address = (where.hostname, where.port)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._thread.start()
        self._server = asyncio.run_coroutine_threadsafe(
            asyncio.start_server(self._pass_on, "127.0.0.1", 0), self._loop
        ).result(END_S)
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    async def _pass_on(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        with suppress(OSError, asyncio.IncompleteReadError):
            async with _closing(writer):
                head = await reader.readuntil(b"\r\n\r\n")
                if b"upgrade: websocket" in head.lower():
                    await reader.read()
                    return
                upstream, sink = await asyncio.open_connection(*self._address)
                async with _closing(sink):
                    sink.write(head)
                    await asyncio.gather(_copy(reader, sink), _copy(upstream, writer))

    def close(self) -> None:
        """End it, and all its connections."""

        async def end() -> None:
            self._server.close()
            others = asyncio.all_tasks() - {asyncio.current_task()}
            for task in others:
                task.cancel()
            await asyncio.gather(*others, return_exceptions=True)

        asyncio.run_coroutine_threadsafe(end(), self._loop).result(END_S)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(END_S)
        self._loop.close()


@asynccontextmanager
async def _closing(writer: asyncio.StreamWriter) -> AsyncIterator[None]:
    try:
        yield
    finally:
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while part := await reader.read(65_536):
            writer.write(part)
            await writer.drain()
    writer.close()
