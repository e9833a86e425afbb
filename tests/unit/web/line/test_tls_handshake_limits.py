"""Waiting handshakes are bounded, in all and per address."""

from __future__ import annotations

import pytest

from stoppress.guard import open_connections
from stoppress.web.line import tls_handshake
from tests.unit.web.line.tls_port_harness import (
    client_hello,
    ends_unanswered,
    opened,
)

pytestmark = pytest.mark.asyncio


async def test_the_oldest_handshake_is_closed_when_too_many_wait(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A client that finishes none does not shut others out."""
    monkeypatch.setattr(tls_handshake, "MAX_AWAITED", 3)
    async with opened() as port:
        lines = []
        for _ in range(5):
            reader, writer = await port.bare()
            writer.write(client_hello())
            await reader.read(1)
            lines.append((reader, writer))
        assert port.count("crowded_out") == 2 and len(port.port) == 3
        for reader, _ in lines[:2]:
            await reader.read()
        await port.echo()
        for _, writer in lines:
            writer.close()


async def test_connections_over_the_limit_per_address_get_no_handshake(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """They are closed before OpenSSL works on them; a freed slot counts."""
    monkeypatch.setattr(open_connections, "MAX_TOLD", 0)
    async with opened(most=3) as port:
        lines = []
        for _ in range(3):
            reader, writer = await port.bare()
            writer.write(client_hello())
            assert await reader.read(1) == b"\x16"
            lines.append(writer)
        for number in range(1, 21):
            reader, writer = await port.bare()
            writer.write(client_hello())
            assert await ends_unanswered(reader)
            writer.close()
            assert port.count("refused") == number
        assert port.openssl == 3 and len(port.port) == 3
        assert port.tally.sum("stoppress_tls_handshakes") == 20
        lines.pop().close()
        await port.until(lambda: len(port.port) == 2)
        await port.echo()
        assert port.openssl == 4
        for writer in lines:
            writer.close()
        await port.until(lambda: len(port.port) == 0)
        assert not port.port.connections._counts and not port.port.connections._keys


async def test_waiting_handshakes_per_address_are_limited(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Also those accepted before the limit was known."""
    monkeypatch.setattr(tls_handshake, "MAX_AWAITED_BY_ADDRESS", 3)
    async with opened(most=100) as port:
        lines = [await port.bare() for _ in range(10)]
        # All are accepted before the first of them has said anything.
        await port.until(lambda: len(port.port) == 10)
        for _, writer in lines:
            writer.write(client_hello())
        await port.until(lambda: port.openssl + port.count("refused") == 10)
        assert (port.openssl, port.count("refused"), len(port.port)) == (3, 7, 3)
        reader, writer = await port.bare()
        assert await ends_unanswered(reader)
        writer.close()
        for _, writer in lines:
            writer.close()
        await port.until(lambda: len(port.port) == 0)
        assert not port.port._awaited_by_address
        await port.echo()
        assert port.openssl == 4


async def test_without_limits_one_address_may_use_all_slots(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As for benchmarks."""
    monkeypatch.setattr(tls_handshake, "MAX_AWAITED_BY_ADDRESS", 1)
    async with opened() as port:
        lines = []
        for _ in range(4):
            reader, writer = await port.bare()
            writer.write(client_hello())
            assert await reader.read(1) == b"\x16"
            lines.append(writer)
        assert len(port.port) == 4 and port.count("refused") == 0
        for writer in lines:
            writer.close()
