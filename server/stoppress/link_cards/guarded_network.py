"""Sends requests to public addresses only; a fetch has no other network access.

Rules:
- An operator may also allow internal hosts, for webhooks (`InternalHosts`).
- A name is looked up once per connection. If any of its addresses is not public, no
  connection is made. The connection goes to a checked address, so a later change of the
  name has no effect. The certificate and the header Host are still about the name.
- Proxies in the environment are not used; no Unix socket is opened.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import (
    AsyncIterator,
    Awaitable,
    Callable,
    Iterable,
    Mapping,
    Sequence,
)
from contextlib import asynccontextmanager
from typing import Any

import httpcore

from stoppress.domain.webhook_internal_hosts import NO_INTERNAL_HOSTS, InternalHosts
from stoppress.link_cards.allowed_fetch_targets import Target, is_reachable
from stoppress.link_cards.bounded_stream import BoundedStream

FRAMING_BYTES = 128 << 10
"""Bytes of an answer that may be headers and framing; the parser takes 100 KiB."""
MAX_ADDRESSES = 3
"""Limit of the addresses of a name that are tried."""

Resolve = Callable[[str], Awaitable[Sequence[str]]]
"""The addresses of a host. Raises OSError."""
Open = Callable[[str, int, float], Awaitable[httpcore.AsyncNetworkStream]]
"""Opens a connection to an IP address and port, with a timeout in seconds."""


class NotPublic(Exception):
    """The host does not exist, or has an address that is not public."""


async def open_connection(
    address: str, port: int, timeout_s: float
) -> httpcore.AsyncNetworkStream:
    """Open a TCP connection to a checked IP address, which its peer must have."""
    stream = await httpcore.AnyIOBackend().connect_tcp(address, port, timeout_s)
    peer = stream.get_extra_info("server_addr")
    if str(peer[0]) != address:
        await stream.aclose()
        raise NotPublic(address)
    return stream


class GuardedNetwork(httpcore.AsyncNetworkBackend):
    """The network of one fetch."""

    def __init__(
        self,
        resolve: Resolve,
        open: Open,
        internal: InternalHosts = NO_INTERNAL_HOSTS,
        max_body_bytes: int = 0,
    ) -> None:
        self._most = max_body_bytes + FRAMING_BYTES
        self._resolve = resolve
        self._open = open
        self._internal = internal

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 (as the base class has it)
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Open a connection to a host. Raises NotPublic, httpcore.ConnectError."""
        addresses = await self._addresses(host, port)
        wrong: Exception = httpcore.ConnectError("no address")
        for address in addresses[:MAX_ADDRESSES]:
            try:
                stream = await self._open(address, port, timeout or 0.0)
                return BoundedStream(stream, self._most)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                wrong = error
        raise wrong

    async def _addresses(self, host: str, port: int) -> Sequence[str]:
        try:
            # The host may be an IP address already.
            socket.inet_pton(socket.AF_INET6 if ":" in host else socket.AF_INET, host)
            found: Sequence[str] = [host]
        except OSError:
            try:
                found = await self._resolve(host)
            except (OSError, UnicodeError):
                raise NotPublic(host) from None
        internal = self._internal
        if not found or not all(is_reachable(host, a, port, internal) for a in found):
            raise NotPublic(host)
        return found

    async def connect_unix_socket(
        self,
        path: str,
        timeout: float | None = None,  # noqa: ASYNC109 (as the base class has it)
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Not allowed: raises NotPublic."""
        raise NotPublic(path)

    async def sleep(self, seconds: float) -> None:
        """Wait."""
        await asyncio.sleep(seconds)


@asynccontextmanager
async def answer_of(
    method: str,
    target: Target,
    network: GuardedNetwork,
    trust: ssl.SSLContext,
    *,
    headers: Mapping[str, str],
    content: bytes = b"",
    timeout_s: float,
    connect_timeout_s: float,
) -> AsyncIterator[httpcore.Response]:
    """The answer to one request, over a connection of its own.

    Raises NotPublic, and what httpcore raises.
    """
    limits = dict.fromkeys(("read", "write", "pool"), timeout_s)
    limits["connect"] = min(connect_timeout_s, timeout_s)
    given = {"host": target.authority, "connection": "close", **headers}
    async with (
        httpcore.AsyncConnectionPool(
            ssl_context=trust,
            max_connections=1,
            http1=True,
            http2=False,
            network_backend=network,
        ) as pool,
        pool.stream(
            method,
            httpcore.URL(
                scheme=target.scheme,
                host=target.host,
                port=target.port,
                target=target.path,
            ),
            headers=list(given.items()),
            content=content or None,
            extensions={"timeout": limits},
        ) as response,
    ):
        yield response
