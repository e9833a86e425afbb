"""The port that sends plain HTTP to https."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from stoppress.settings import Settings
from stoppress.web.line.arrival_queue import call_later
from stoppress.web.line.head_limits import HeadLimits, HeadMetrics
from stoppress.web.line.https_redirect import https_address, https_redirect
from stoppress.web.line.lingering_close import LingeringClose
from tests.waiting import until

UPGRADE = b"Upgrade: h2c\r\n\r\n"
TLS = {"tls_cert": "c.pem", "tls_key": "k.pem"}


@pytest.mark.parametrize(
    ("port", "host", "target", "address"),
    [
        (
            443,
            b"live.example.org",
            b"/live/x?a=b",
            "https://live.example.org/live/x?a=b",
        ),
        (443, b"live.example.org:80", b"/", "https://live.example.org/"),
        (8443, b"live.example.org:8080", b"/", "https://live.example.org:8443/"),
        (443, b"[::1]:80", b"/", "https://[::1]/"),
        (443, b"[::1]", b"//x", "https://[::1]//x"),
        (443, None, b"/", None),
        (443, b":80", b"/", None),
        (443, b"a b", b"/", None),
        (443, b"h", b"http://h/", None),
        (443, b"h", b"/\xff", None),
    ],
)
def test_a_request_is_redirected_to_the_tls_port(
    port: int, host: bytes | None, target: bytes, address: str | None
) -> None:
    """To the same path."""
    settings = Settings(port=port, **TLS)  # type: ignore[arg-type]  # all are texts
    assert https_address(settings, host, target) == address


def test_public_url_wins_over_the_host_header() -> None:
    """Whatever host the request names."""
    settings = Settings(public_url="https://news.example/liveblog/")
    target = b"/liveblog/live/x"
    assert https_address(settings, b"evil.example", target) == (
        "https://news.example/liveblog/live/x"
    )


async def answers(*pieces: bytes, max_head: int = 0, late: bool = False) -> bytes:
    """All bytes of the port's answer to these segments."""
    now = 0.0
    looks: list[Callable[[], None]] = []
    limits = HeadLimits(
        lambda _, look: looks.append(look), HeadMetrics(), 30, max_head, lambda: now
    )
    settings = Settings(port=8443, **TLS)  # type: ignore[arg-type]  # all are texts
    loop = asyncio.get_running_loop()
    redirect = https_redirect(settings, limits, LingeringClose(call_later))
    server = await loop.create_server(redirect, "127.0.0.1", 0)
    reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
    for piece in pieces:
        writer.write(piece)
        await writer.drain()
        await asyncio.sleep(0.01)
    if late:
        await until(lambda: looks)
        now = 60
        looks.pop()()
    answer = await asyncio.wait_for(reader.read(), 60)
    writer.close()
    server.close()
    assert len(limits) == 0
    return answer


@pytest.mark.asyncio
async def test_every_request_is_redirected() -> None:
    """With method and body kept (308), in one segment or in many."""
    for pieces in (
        (b"GET /live/x HTTP/1.1\r\nHost: h\r\n\r\n",),
        (b"GET /li", b"ve/x HTTP/1.1\r\nHo", b"st: h\r\n\r\n"),
        (b"POST /live/x HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n\r\nabc",),
        (b"GET /live/x HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\n", UPGRADE),
        (b"GET /live/x HTTP/1.1\r\nHost: h\r\n\r\nGET / HTTP/1.1\r\nHost: h\r\n\r\n",),
    ):
        answer = await answers(*pieces)
        assert answer.startswith(b"HTTP/1.1 308 Permanent Redirect\r\n")
        assert b"\r\nLocation: https://h:8443/live/x\r\n" in answer
        assert answer.count(b"HTTP/1.1") == 1


@pytest.mark.asyncio
async def test_a_request_without_a_valid_address_is_refused() -> None:
    """With a message, or closed if no head arrives."""
    assert (await answers(b"GET / HTTP/1.1\r\n\r\n")).startswith(b"HTTP/1.1 400 ")
    twice = b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n"
    assert (await answers(twice)).startswith(b"HTTP/1.1 400 ")
    assert (await answers(b"\x16\x03\x01")).startswith(b"HTTP/1.1 400 ")
    long = b"GET /" + b"x" * 100
    assert (await answers(long, max_head=64)).startswith(b"HTTP/1.1 431 ")
    assert await answers(b"GET / HT", late=True) == b""
