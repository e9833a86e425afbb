"""An answer is read in small pieces, and only so much of it."""

from __future__ import annotations

import ssl
from typing import Any

import httpcore
import pytest

from stoppress.link_cards.bounded_stream import SMALL_READ_BYTES, BoundedStream
from stoppress.link_cards.fetch_page import PageFetcher
from tests.unit.link_cards.web_servers import PUBLIC

pytestmark = pytest.mark.asyncio


class Endless(httpcore.AsyncNetworkStream):
    """Gives as many bytes as are asked for, of one text again and again."""

    def __init__(self, text: bytes = b"x") -> None:
        self.begin = b""
        self.text = text
        self.asked: list[int] = []
        self.reported: list[object] = []

    async def read(
        self,
        max_bytes: int,
        timeout: float | None = None,  # noqa: ASYNC109 (as the base class has it)
    ) -> bytes:
        self.asked.append(max_bytes)
        while len(self.begin) < max_bytes:
            self.begin += self.text
        data, self.begin = self.begin[:max_bytes], self.begin[max_bytes:]
        return data

    async def write(
        self,
        buffer: bytes,
        timeout: float | None = None,  # noqa: ASYNC109 (as the base class has it)
    ) -> None:
        self.reported.append(buffer)

    async def aclose(self) -> None:
        self.reported.append("closed")

    async def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,  # noqa: ASYNC109 (as the base class has it)
    ) -> httpcore.AsyncNetworkStream:
        return Endless(b"tls")

    def get_extra_info(self, info: str) -> Any:
        return info if info == "server_addr" else None


async def test_reads_are_small_and_bounded() -> None:
    """What exceeds the bound is an error, not an end."""
    under = Endless()
    stream = BoundedStream(under, SMALL_READ_BYTES + 100)
    assert len(await stream.read(1 << 16)) == SMALL_READ_BYTES
    assert len(await stream.read(1 << 16)) == 100
    with pytest.raises(httpcore.ReadError, match="more than 1124 bytes"):
        await stream.read(1)
    assert under.asked == [SMALL_READ_BYTES, 100]


async def test_the_rest_is_passed_on() -> None:
    """And TLS is bounded as well."""
    under = Endless()
    stream = BoundedStream(under, 10)
    await stream.write(b"GET")
    secure = await stream.start_tls(ssl.create_default_context(), "a.example")
    assert len(await secure.read(100)) == 10
    await stream.aclose()
    assert under.reported == [b"GET", "closed"]
    assert stream.get_extra_info("server_addr") == "server_addr"


async def test_interim_answers_without_end_end_the_fetch() -> None:
    """Before its time does: they would use up the processor until then."""
    under = Endless(b"HTTP/1.1 100 Continue\r\n\r\n")

    async def resolve(host: str) -> list[str]:
        return [PUBLIC]

    async def open(address: str, port: int, timeout_s: float) -> Endless:
        return under

    fetcher = PageFetcher(resolve, open, timeout_s=600.0, max_bytes=1000)
    with pytest.raises(Exception, match="the connection failed"):
        await fetcher.fetch("http://a.example/")
    assert max(under.asked) == SMALL_READ_BYTES
