"""A connection whose answer is read in small pieces, and only so much of it.

Rules:
- A read gives SMALL_READ_BYTES at most and lets the event loop turn: a peer
  that sends thousands of 1xx answers, or of chunks of one byte, costs milliseconds of
  parsing per read, not a second.
- What is read in all, framing and headers included, is limited; more is a ReadError.
"""

from __future__ import annotations

import ssl
from typing import Any

import httpcore

SMALL_READ_BYTES = 1024
"""Bytes per read: some hundred events of the parser at most."""


class BoundedStream(httpcore.AsyncNetworkStream):
    """A connection of which at most `most` bytes are read."""

    def __init__(self, stream: httpcore.AsyncNetworkStream, most: int) -> None:
        self._stream = stream
        self._most = most
        self._left = most

    async def read(
        self,
        max_bytes: int,
        timeout: float | None = None,  # noqa: ASYNC109 (as the base class has it)
    ) -> bytes:
        """Read some bytes. Raises httpcore.ReadError after `most`."""
        if self._left <= 0:
            raise httpcore.ReadError(f"the answer has more than {self._most} bytes")
        size = min(max_bytes, SMALL_READ_BYTES, self._left)
        data = await self._stream.read(size, timeout)
        self._left -= len(data)
        return data

    async def write(
        self,
        buffer: bytes,
        timeout: float | None = None,  # noqa: ASYNC109 (as the base class has it)
    ) -> None:
        """Write all bytes."""
        await self._stream.write(buffer, timeout)

    async def aclose(self) -> None:
        """Close the connection."""
        await self._stream.aclose()

    async def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,  # noqa: ASYNC109 (as the base class has it)
    ) -> httpcore.AsyncNetworkStream:
        """The connection with TLS; the limit is of what is decrypted."""
        stream = await self._stream.start_tls(ssl_context, server_hostname, timeout)
        return BoundedStream(stream, self._most)

    def get_extra_info(self, info: str) -> Any:
        """Facts about the connection."""
        return self._stream.get_extra_info(info)
