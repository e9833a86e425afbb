"""Calls of the provider are bounded, and whatever fails is one line."""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from stoppress.identity.provider_http import (
    MAX_ANSWER_BYTES,
    ProviderAway,
    ProviderHttp,
)

pytestmark = pytest.mark.asyncio

OK = b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n"


@asynccontextmanager
async def answering(
    raw: bytes, *, never_ends: bool = False
) -> AsyncIterator[tuple[str, list[bytes]]]:
    """A server that answers so; its address, and the requests."""
    asked: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        if b"content-length: " in head.lower():
            length = head.lower().split(b"content-length: ")[1].split(b"\r\n")[0]
            head += await reader.readexactly(int(length))
        asked.append(head)
        writer.write(raw)
        if never_ends:
            # Until the client gives up.
            await reader.read()
        writer.close()
        await writer.wait_closed()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/at", asked


async def test_json_is_read_and_forms_are_sent() -> None:
    """With the status of what was refused."""
    http = ProviderHttp()
    async with answering(OK + b'{"a": 1}') as (url, _):
        assert await http.get(url) == {"a": 1}
    refused = b'HTTP/1.1 400 No\r\nconnection: close\r\n\r\n{"error": "x"}'
    async with answering(refused) as (url, asked):
        reported = await http.post(
            url, {"code": "a b"}, {"authorization": "Basic eA=="}
        )
        assert reported == (400, {"error": "x"})
        assert b"code=a+b" in asked[0] and b"Basic eA==" in asked[0]
    async with answering(b"HTTP/1.1 500 No\r\nconnection: close\r\n\r\n<html>") as (
        url,
        _,
    ):
        assert await http.post(url, {}, {}) == (500, {})
    await http.aclose()


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"no HTTP\r\n\r\n",
        OK + b"[]",
        OK + b'{"a": 1, "a": 2}',
        OK + b'{"a": "' + b"x" * MAX_ANSWER_BYTES + b'"}',
        b"HTTP/1.1 404 Not Found\r\nconnection: close\r\n\r\n{}",
        b"HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1:1/\r\n\r\n{}",
    ],
    ids=["nothing", "no HTTP", "list", "twice", "huge", "404", "elsewhere"],
)
async def test_an_invalid_answer_counts_as_no_answer(raw: bytes) -> None:
    """In one line without the query."""
    http = ProviderHttp()
    async with answering(raw) as (url, _):
        with pytest.raises(ProviderAway) as caught:
            await http.get(f"{url}?secret=s3cr3t")
    assert "s3cr3t" not in str(caught.value) and url in str(caught.value)
    await http.aclose()


def packed(answer: bytes, times: int, coding: bytes) -> bytes:
    """An answer compressed so often, which says so."""
    for _ in range(times):
        answer = gzip.compress(answer)
    return OK.replace(b"close", b"close\r\ncontent-encoding: " + coding) + answer


@pytest.mark.parametrize(
    "raw",
    [
        packed(b'{"a": 1}', 1, b"gzip"),
        packed(b'{"a": "' + b"x" * MAX_ANSWER_BYTES + b'"}', 2, b"gzip, gzip"),
        packed(b'{"a": 1}', 0, b"identity\r\nContent-Encoding: br"),
    ],
    ids=["once", "twice", "two headers"],
)
async def test_a_compressed_answer_is_not_unpacked(
    raw: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """None is asked for; a few kilobytes would become gigabytes."""

    def unpack(self: object, data: bytes) -> bytes:
        raise AssertionError(f"{len(data)} bytes are unpacked")

    monkeypatch.setattr("httpx._decoders.GZipDecoder.decode", unpack)
    monkeypatch.setattr("httpx._decoders.BrotliDecoder.decode", unpack)
    http = ProviderHttp()
    async with answering(raw) as (url, asked):
        with pytest.raises(ProviderAway, match="compressed"):
            await http.get(url)
        with pytest.raises(ProviderAway, match="compressed"):
            await http.post(url, {}, {})
    for head in asked:
        assert b"accept-encoding: identity\r\n" in head.lower()
    plain = OK.replace(b"close", b"close\r\nContent-Encoding: Identity")
    async with answering(plain + b'{"a": 1}') as (url, _):
        assert await http.get(url) == {"a": 1}
    await http.aclose()


async def test_a_provider_that_is_slow_is_away() -> None:
    """From the first byte to the last."""
    http = ProviderHttp(timeout_s=0.2)
    async with answering(OK, never_ends=True) as (url, _):
        with pytest.raises(ProviderAway, match=r"within 0.2 s"):
            await http.get(url)
    with pytest.raises(ProviderAway):
        await http.get("http://127.0.0.1:1/")
    await http.aclose()
