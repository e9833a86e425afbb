"""One message is sent over real sockets; where it goes is guarded."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import httpcore
import pytest

from stoppress.domain.webhook_internal_hosts import InternalHosts
from stoppress.link_cards.system_resolver import SystemResolver
from stoppress.webhooks.post_to_webhook import WebhookSender

pytestmark = pytest.mark.asyncio

PUBLIC = "93.184.216.34"


class Receiver:
    """A server of the test behind a public address."""

    def __init__(self, answer: bytes) -> None:
        self.answer = answer
        self.requests: list[bytes] = []
        self.port = 0

    async def serve(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        """Answer one request."""
        head = await reader.readuntil(b"\r\n\r\n")
        length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
        self.requests.append(head + await reader.readexactly(length))
        writer.write(self.answer)
        await writer.drain()
        writer.close()

    async def open(
        self, address: str, port: int, timeout_s: float
    ) -> httpcore.AsyncNetworkStream:
        """Connect to it, whatever public address was checked."""
        assert address == PUBLIC
        return await httpcore.AnyIOBackend().connect_tcp("127.0.0.1", self.port, 5)


async def resolve(host: str) -> Sequence[str]:
    """Every name but one is public."""
    return ["10.0.0.1"] if host == "inner.example.com" else [PUBLIC]


@asynccontextmanager
async def receiving(answer: bytes) -> AsyncIterator[tuple[Receiver, WebhookSender]]:
    """A receiver, and a sender that reaches it."""
    receiver = Receiver(answer)
    server = await asyncio.start_server(receiver.serve, "127.0.0.1", 0)
    receiver.port = server.sockets[0].getsockname()[1]
    async with server:
        yield receiver, WebhookSender(resolve, receiver.open, timeout_s=60)


@pytest.mark.parametrize(
    ("status", "reported"),
    [("200 OK", ""), ("204 No", ""), ("302 Moved", "302"), ("500 Oh", "500")],
)
async def test_only_2xx_takes_a_message(status: str, reported: str) -> None:
    """A redirect leads nowhere."""
    answer = f"HTTP/1.1 {status}\r\nlocation: /b\r\ncontent-length: 0\r\n\r\n"
    if reported == "":
        answer = answer.replace("location: /b\r\n", "")
    async with receiving(answer.encode()) as (receiver, sender):
        reason = await sender.send(
            "http://hooks.example.com/a?b=1", {"webhook-id": "i"}, b'{"a":1}'
        )
        assert (reported in reason) if reported else reason == ""
        (request,) = receiver.requests
        assert request.startswith(b"POST /a?b=1 HTTP/1.1\r\n")
        assert b"host: hooks.example.com\r\n" in request.lower()
        assert b"webhook-id: i\r\n" in request
        assert request.endswith(b'\r\n\r\n{"a":1}')


@pytest.mark.parametrize(
    "url",
    [
        *("http://inner.example.com/", "http://127.0.0.1/", "http://localhost/"),
        *("http://hooks.example.com:8080/", "ftp://hooks.example.com/"),
    ],
)
async def test_an_internal_address_gets_no_message(url: str) -> None:
    """Neither by its name, nor by what the name means now."""
    async with receiving(b"") as (receiver, sender):
        assert "not on the public internet" in await sender.send(url, {}, b"{}")
        assert receiver.requests == []


@pytest.mark.parametrize("listed", ["127.0.0.1", "localhost", "127.0.0.0/8"])
async def test_a_host_of_the_operator_gets_it(listed: str) -> None:
    """At the port of the list, over a connection as in service; no other does."""
    async with receiving(b"HTTP/1.1 204 No\r\n\r\n") as (receiver, _):
        resolver = SystemResolver()
        hosts = InternalHosts.of([f"{listed}:{receiver.port}"])
        sender = WebhookSender(resolver, timeout_s=60, internal=hosts)
        host = "localhost" if listed == "localhost" else "127.0.0.1"
        assert await sender.send(f"http://{host}:{receiver.port}/a", {}, b"{}") == ""
        for url in (f"http://{host}/a", f"http://[::1]:{receiver.port}/a"):
            assert "not on the public internet" in await sender.send(url, {}, b"{}")
        assert len(receiver.requests) == 1
        resolver.close()


async def test_a_receiver_that_does_not_answer_is_a_failure() -> None:
    """It has some seconds; a broken line is told too."""
    async with receiving(b"HTTP/1.1 200") as (_, sender):
        assert "connection failed" in await sender.send(
            "http://hooks.example.com/", {}, b"{}"
        )
    async with receiving(b"") as (receiver, sender):
        receiver.port = 1
        assert await sender.send("http://hooks.example.com/", {}, b"{}")
