"""A connection is opened to an address that was checked, and to no other."""

from __future__ import annotations

from collections.abc import Sequence

import httpcore
import pytest

from stoppress.domain.webhook_internal_hosts import InternalHosts
from stoppress.link_cards.guarded_network import (
    MAX_ADDRESSES,
    GuardedNetwork,
    NotPublic,
    open_connection,
)
from tests.unit.link_cards.web_servers import PUBLIC, PUBLIC_6, Internet, page

pytestmark = pytest.mark.asyncio


async def opening(addresses: Sequence[str] | Exception) -> list[str]:
    """What is opened for a name with these addresses, none of which answers."""
    opened = []

    async def resolve(host: str) -> Sequence[str]:
        if isinstance(addresses, Exception):
            raise addresses
        return addresses

    async def open(
        address: str, port: int, timeout_s: float
    ) -> httpcore.AsyncNetworkStream:
        opened.append(address)
        raise httpcore.ConnectError("nobody there")

    with pytest.raises((NotPublic, httpcore.ConnectError)) as ended:
        await GuardedNetwork(resolve, open).connect_tcp("a.example", 443, 1.0)
    assert bool(opened) == isinstance(ended.value, httpcore.ConnectError)
    return opened


async def test_each_address_is_tried_up_to_a_number() -> None:
    """One that does not answer is not the end."""
    addresses = [f"8.8.8.{n}" for n in range(10)]
    assert await opening(addresses) == addresses[:MAX_ADDRESSES]


@pytest.mark.parametrize(
    "addresses",
    [
        [],
        ["127.0.0.1"],
        [PUBLIC, "127.0.0.1"],
        ["10.0.0.1", PUBLIC],
        [PUBLIC_6, "::1"],
        [PUBLIC] * MAX_ADDRESSES + ["169.254.169.254"],
        ["fe80::1%2"],
        ["no address"],
        OSError("no such host"),
        UnicodeError("label too long"),
    ],
)
async def test_a_name_with_an_internal_address_is_refused(
    addresses: Sequence[str] | Exception,
) -> None:
    """Whatever else the name has."""
    assert await opening(addresses) == []


async def test_an_address_is_not_looked_up() -> None:
    """It is checked as it is."""
    async with Internet(answers={"x": page()}).running() as internet:
        network = GuardedNetwork(internet.resolve, internet.open)
        stream = await network.connect_tcp(PUBLIC, 80, 1.0)
        await stream.aclose()
        for private in ("127.0.0.1", "::1", "10.1.2.3"):
            with pytest.raises(NotPublic):
                await network.connect_tcp(private, 80, 1.0)
        with pytest.raises(NotPublic):
            await network.connect_unix_socket("/run/docker.sock")
        assert internet.looked_up == [] and internet.private_connections == 0


async def test_the_peer_is_checked_too() -> None:
    """Should a name ever get past the look-up."""
    async with Internet().running() as internet:
        with pytest.raises(NotPublic):
            await open_connection("localhost", internet.listener_port, 1.0)


async def test_internal_hosts_are_those_that_are_listed() -> None:
    """A name by its name and port; any other by what it means, all of it."""
    internal = InternalHosts.of(["cms.internal:8080", "10.2.0.0/16"])
    names = {
        "cms.internal": ["192.168.7.7"],
        "wires.corp": ["10.2.0.9", PUBLIC],
        "other.corp": ["10.2.0.9", "10.9.0.1"],
    }
    opened: list[tuple[str, int]] = []

    async def resolve(host: str) -> Sequence[str]:
        return names[host]

    async def open(
        address: str, port: int, timeout_s: float
    ) -> httpcore.AsyncNetworkStream:
        opened.append((address, port))
        raise httpcore.ConnectError("nobody there")

    network = GuardedNetwork(resolve, open, internal)
    for host, port in (
        *(("cms.internal", 8080), ("wires.corp", 443), ("10.2.3.4", 80)),
        *(("cms.internal", 80), ("other.corp", 443), ("wires.corp", 8080)),
        *(("10.3.0.1", 80), (PUBLIC, 8080)),
    ):
        with pytest.raises((NotPublic, httpcore.ConnectError)):
            await network.connect_tcp(host, port, 1.0)
    assert opened == [
        *(("192.168.7.7", 8080), ("10.2.0.9", 443), (PUBLIC, 443), ("10.2.3.4", 80)),
    ]
