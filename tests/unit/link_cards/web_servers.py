"""A small internet for tests of fetches: servers on this machine, names, and a watch.

`Internet` is what a fetcher gets in place of the network: its names have addresses that
are public, and a connection to such an address reaches a server of the test.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field

import httpcore

from stoppress.link_cards.fetch_page import PageFetcher
from stoppress.link_cards.guarded_network import open_connection
from stoppress.link_cards.system_resolver import SystemResolver

PUBLIC = "93.184.216.34"
PUBLIC_6 = "2606:2800:220:1:248:1893:25c8:1946"

Answer = Callable[[str], bytes | AsyncGenerator[bytes, None]]
"""The raw answer to the head of a request."""
Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


def page(markup: str = "<title>A page</title>", **headers: str) -> bytes:
    """A raw answer with a page."""
    body = markup.encode()
    given = {
        "content-type": "text/html; charset=utf-8",
        "content-length": str(len(body)),
        **{name.replace("_", "-"): value for name, value in headers.items()},
    }
    lines = "".join(f"{name}: {value}\r\n" for name, value in given.items())
    return f"HTTP/1.1 200 OK\r\n{lines}\r\n".encode() + body


def moved(place: str, status: int = 302) -> bytes:
    """A raw redirect."""
    head = f"HTTP/1.1 {status} Moved\r\nlocation: {place}\r\ncontent-length: 0\r\n\r\n"
    return head.encode()


@dataclass
class Internet:
    """Names, addresses, and what was asked of them."""

    names: dict[str, list[Sequence[str]]] = field(default_factory=dict)
    """By name the addresses of each look-up; the last ones stay."""
    answers: dict[str, Answer | bytes] = field(default_factory=dict)
    """By host (as the header Host says) and path, else by host."""
    looked_up: list[str] = field(default_factory=list)
    opened: list[tuple[str, int]] = field(default_factory=list)
    heads: list[str] = field(default_factory=list)
    ports: dict[int, int] = field(default_factory=dict)
    """Where a server of the test listens for 80 and 443."""
    private_connections: int = 0
    """Connections to this machine's own listener, which must stay 0."""
    listener_port: int = 0
    _serving: set[asyncio.Task[None]] = field(default_factory=set)

    def name(self, host: str, *look_ups: Sequence[str]) -> None:
        """Give a name its addresses, look-up by look-up."""
        self.names[host] = list(look_ups)

    async def resolve(self, host: str) -> Sequence[str]:
        """The name's addresses; what is no name of the test is asked of the system."""
        self.looked_up.append(host)
        if host not in self.names:
            system = SystemResolver()
            try:
                return await system(host)
            finally:
                system.close()
        left = self.names[host]
        return left.pop(0) if len(left) > 1 else left[0]

    async def open(
        self, address: str, port: int, timeout_s: float
    ) -> httpcore.AsyncNetworkStream:
        """Public addresses lead to the test's servers, all others to the listener."""
        self.opened.append((address, port))
        if address in (PUBLIC, PUBLIC_6):
            backend = httpcore.AnyIOBackend()
            return await backend.connect_tcp("127.0.0.1", self.ports[port], timeout_s)
        return await open_connection(address, self.listener_port, timeout_s)

    def fetcher(
        self,
        *,
        timeout_s: float = 60.0,
        max_bytes: int = 64 << 10,
        trust: ssl.SSLContext | None = None,
    ) -> PageFetcher:
        """A fetcher on this internet."""
        return PageFetcher(
            self.resolve,
            self.open,
            timeout_s=timeout_s,
            max_bytes=max_bytes,
            trust=trust or ssl.create_default_context(),
        )

    async def _serve(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._serving.add(task)
        try:
            await self._answer(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass  # the client went, or the test is over
        finally:
            self._serving.discard(task)
            writer.transport.abort()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()

    async def _answer(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        self.heads.append(head)
        path = head.split(" ")[1]
        lines = head.lower().split("\r\n")
        host = next(line[6:] for line in lines if line.startswith("host: "))
        answer = self.answers.get(host + path, self.answers.get(host))
        made = answer(head) if callable(answer) else answer
        if isinstance(made, bytes):
            writer.write(made)
            await writer.drain()
        elif made is not None:
            async with contextlib.aclosing(made):
                async for piece in made:
                    writer.write(piece)
                    await writer.drain()
        writer.write_eof() if writer.can_write_eof() else writer.close()
        await reader.read()

    async def _refuse(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self.private_connections += 1
        writer.close()

    @contextlib.asynccontextmanager
    async def running(
        self, tls: ssl.SSLContext | None = None
    ) -> AsyncIterator[Internet]:
        """The servers, and a listener on 127.0.0.1 and ::1 that nobody may reach."""
        async with contextlib.AsyncExitStack() as stack:

            async def listen(handler: Serve, tls: ssl.SSLContext | None = None) -> int:
                server = await asyncio.start_server(handler, "127.0.0.1", 0, ssl=tls)
                stack.push_async_callback(_end, server)
                return int(server.sockets[0].getsockname()[1])

            self.ports[80] = await listen(self._serve)
            if tls is not None:
                self.ports[443] = await listen(self._serve, tls)
            self.listener_port = await listen(self._refuse)
            with contextlib.suppress(OSError):  # a machine without IPv6
                server = await asyncio.start_server(
                    self._refuse, "::1", self.listener_port, family=socket.AF_INET6
                )
                stack.push_async_callback(_end, server)
            try:
                yield self
            finally:
                for task in self._serving:
                    task.cancel()
                await asyncio.gather(*self._serving, return_exceptions=True)


async def _end(server: asyncio.Server) -> None:
    server.close()
    await asyncio.sleep(0)
