"""Connections of a TLS port until their handshakes are done."""

from __future__ import annotations

import asyncio
import logging
import socket
import ssl
from collections.abc import Callable

import pytest

from stoppress.process.certificate import load
from stoppress.web.line import tls_handshake
from stoppress.web.line.poll_sockets_with_one_epoll import (
    EpollPoller,
    LoopPoller,
    SocketPoller,
)
from tests.certificates import for_this_machine, trust
from tests.unit.web.line.tls_port_harness import (
    HEAD_S,
    PATIENCE_S,
    Port,
    client_hello,
    opened,
)

pytestmark = pytest.mark.asyncio


@pytest.mark.parametrize("make", [EpollPoller, LoopPoller], ids=["epoll", "loop"])
async def test_the_protocol_receives_decrypted_bytes(
    make: Callable[[asyncio.AbstractEventLoop], SocketPoller],
) -> None:
    """As on a port without TLS."""
    async with opened(make) as port:
        await asyncio.gather(*(port.echo(b"%d" % n) for n in range(20)))
        assert port.count("full") == 20 and port.count("failed") == 0
        assert len(port.port) == 0 and len(port.limits) == 0


async def test_a_returning_client_resumes_its_session() -> None:
    """By its ticket, with TLS 1.2 and 1.3."""
    for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
        async with opened() as port:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
            context.maximum_version = version
            ticket: ssl.SSLSession | None = None

            def visit(
                port: Port, context: ssl.SSLContext, session: ssl.SSLSession | None
            ) -> ssl.SSLSession | None:
                with socket.create_connection(port.address, PATIENCE_S) as bare:
                    with context.wrap_socket(bare, session=session) as client:
                        client.send(b"x")
                        client.recv(1)
                        return client.session

            for _ in range(3):
                ticket = await asyncio.to_thread(visit, port, context, ticket)
            assert (port.count("full"), port.count("resumed")) == (1, 2)


async def test_plain_http_is_answered_and_logged_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The answer names https."""
    async with opened() as port:
        with caplog.at_level(logging.WARNING):
            for request in (
                b"GET / HTTP/1.1\r\nHost: h\r\n\r\n",
                b"DELETE / HT",
                b"\n",
                b"POST / HTTP/1.1\r\nHost: h\r\n\r\n" + bytes(1_000_000),
            ):
                reader, writer = await port.bare()
                writer.write(request)
                answer = await reader.read()
                assert answer.startswith(b"HTTP/1.1 400 ")
                assert answer.endswith(b"use https:// in the address.")
                writer.close()
        assert caplog.text.count("HTTP without TLS") == 1
        assert port.count("plain") == 4
        await port.until(lambda: len(port.port) == 0 and len(port.limits) == 0)


async def test_a_silent_handshake_is_closed_in_time() -> None:
    """Before the first byte, and in the middle of the handshake."""
    async with opened() as port:
        silent, silent_writer = await port.bare()
        stuck, stuck_writer = await port.bare()
        stuck_writer.write(client_hello())
        await stuck.read(1)
        await port.until(lambda: len(port.port) == 2)
        port.tick(HEAD_S - 1)
        assert len(port.port) == 2
        port.tick(2)
        await silent.read()
        await stuck.read()
        assert len(port.port) == 0 and port.count("failed") == 2
        silent_writer.close()
        stuck_writer.close()


async def test_a_peer_that_leaves_during_the_handshake_is_freed() -> None:
    """At any step, whatever it sent."""
    async with opened() as port:
        for begin in (
            b"",
            client_hello()[:50],
            client_hello(),
            b"\x16\x03\x01\xff\xff",
        ):
            _, writer = await port.bare()
            writer.write(begin)
            await asyncio.sleep(0)
            writer.close()
        _, writer = await port.bare()
        writer.write(b"\x16\x03\x01\x00\x05wrong")
        await port.until(lambda: port.count("failed") >= 1)
        await port.until(lambda: len(port.port) == 0 and len(port.limits) == 0)
        await port.echo()
        writer.close()


async def test_many_handshakes_are_processed_in_time_slices() -> None:
    """A turn takes first steps for its slice of time; the others wait in order."""
    async with opened() as port:
        port.holds_queue = True
        lines = [await port.bare() for _ in range(30)]
        for _, writer in lines:
            writer.write(client_hello())
        await port.until(lambda: len(port.port) == 30)
        queue = port.port.arrival_queue
        await port.until(lambda: len(queue) + len(port.port._awaited) == 30)
        assert len(queue) > 0
        # Who waits for us is not one that sends no head.
        assert len(port.limits) == len(port.port._awaited)
        port.holds_queue = False
        while port.queue_turns:
            port.queue_turns.pop()()
        await port.until(lambda: len(port.port._awaited) == 30)
        for _, writer in lines:
            writer.close()


async def test_a_new_certificate_is_used_for_new_connections() -> None:
    """Open connections keep theirs."""
    async with opened() as port:
        reader, writer = await asyncio.open_connection(
            *port.address, ssl=trust(), server_hostname="localhost"
        )
        before = port.context
        port.context = load(*for_this_machine())
        await port.echo()
        writer.write(b"still here")
        assert await reader.readexactly(10) == b"still here"
        assert before is not port.context
        writer.close()


async def test_without_descriptors_accepting_pauses(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The log says so, and accepting resumes later."""
    monkeypatch.setattr(tls_handshake, "ACCEPT_PAUSE_S", 0.01)

    class Full:
        """A listening socket of a process without descriptors, for a while."""

        def __init__(self, real: socket.socket) -> None:
            self.real = real
            self.refusals = 2

        def fileno(self) -> int:
            return self.real.fileno()

        def close(self) -> None:
            self.real.close()

        def accept(self) -> tuple[socket.socket, object]:
            if self.refusals:
                self.refusals -= 1
                raise OSError(24, "Too many open files")
            return self.real.accept()

    async with opened() as port:
        port.port._listener = Full(port.port._listener)  # type: ignore[assignment]
        with caplog.at_level(logging.WARNING):
            await port.echo()
        assert caplog.text.count("Too many open files") == 2


async def test_closing_the_port_closes_unfinished_handshakes() -> None:
    """It accepts no further connection."""
    async with opened() as port:
        reader, writer = await port.bare()
        await port.until(lambda: len(port.port) == 1)
        port.port.close()
        assert await reader.read() == b""
        writer.close()
        with pytest.raises(OSError):
            await port.bare()
