"""Connections are counted by address until they are lost, with any owner."""

from __future__ import annotations

import asyncio
from ipaddress import ip_network
from typing import Any, cast

from stoppress.guard.client_address import Client
from stoppress.guard.open_connections import (
    MAX_EXEMPT,
    MAX_TOLD,
    ConnectionMetrics,
    OpenConnections,
    address_among,
)
from tests.tally import Tally

PROXY = [ip_network("10.0.0.0/8")]


class Wire:
    """A transport."""

    def __init__(self, host: str | None) -> None:
        self.peer = None if host is None else (host, 1)
        self.closing = False

    def get_extra_info(self, name: str) -> object:
        return self.peer if name == "peername" else None

    def is_closing(self) -> bool:
        return self.closing


class Owner(asyncio.Protocol):
    """A protocol that owns a transport."""

    def __init__(self, wire: Wire) -> None:
        self.transport = wire


class ConnectionHarness:
    """The connections of a server, and what they count."""

    def __init__(self, most: int = 2) -> None:
        self.tally = Tally()
        metrics = ConnectionMetrics(self.tally)
        self.connections = OpenConnections(most, PROXY, metrics)

    def come(self, host: str | None) -> Owner | None:
        """A connection from an address, if it is let in."""
        wire = Wire(host)
        if not self.connections.enter(cast(Any, wire), wire.get_extra_info("peername")):
            return None
        if self.connections.is_over_limit(cast(Any, wire)):
            wire.closing = True
            self.connections.discard(Owner(wire))
            return None
        owner = Owner(wire)
        self.connections.add(owner)
        return owner

    def lose(self, owner: Owner) -> None:
        """The connection is lost."""
        owner.transport.closing = True
        self.connections.discard(owner)

    def hand_on(self, owner: Owner) -> Owner:
        """Another protocol takes over."""
        self.connections.discard(owner)
        heir = Owner(owner.transport)
        self.connections.add(heir)
        return heir

    @property
    def open(self) -> int:
        """The gauge."""
        return self.tally.sum("stoppress_connections")


def test_connections_per_address_are_limited() -> None:
    """A new one is accepted when one closes; other addresses are not affected."""
    harness = ConnectionHarness()
    first, second = harness.come("192.0.2.1"), harness.come("::ffff:192.0.2.1")
    assert first and second and harness.come("192.0.2.1") is None
    assert harness.come("192.0.2.2")
    harness.lose(harness.hand_on(first))
    assert harness.come("192.0.2.1")
    assert harness.come("192.0.2.1") is None
    assert harness.tally.sum("stoppress_connections_refused") == 2


def test_some_over_the_limit_are_told_why() -> None:
    """They count by themselves: neither for the address nor without a bound."""
    harness = ConnectionHarness(1)
    first = harness.come("192.0.2.1")
    assert first is not None
    wires = [Wire("192.0.2.1") for _ in range(MAX_TOLD + 1)]
    entered = [harness.connections.enter(cast(Any, one), one.peer) for one in wires]
    assert entered == [True] * MAX_TOLD + [False]
    reported, refused = wires[0], wires[-1]
    assert harness.connections.is_over_limit(cast(Any, reported))
    assert not harness.connections.is_over_limit(cast(Any, refused))
    client = Client("192.0.2.1", "192.0.2.1")
    assert not harness.connections.assign(cast(Any, reported), client)
    assert harness.connections.count("192.0.2.1") == 1
    harness.lose(Owner(reported))
    assert harness.connections.enter(cast(Any, refused), refused.peer)
    for wire in wires[1:]:
        harness.lose(Owner(wire))
    harness.lose(first)
    assert harness.open == 0 and not harness.connections._counts


def test_a_proxy_shows_itself_over_the_limit() -> None:
    """Its connection is a reader's like any other from then on."""
    harness = ConnectionHarness(1)
    first, wire = harness.come("192.0.2.1"), Wire("192.0.2.1")
    assert first is not None and harness.connections.enter(cast(Any, wire), wire.peer)
    forwarder = Client("192.0.2.1", "192.0.2.1", is_forwarder=True)
    assert harness.connections.assign(cast(Any, wire), forwarder)
    assert not harness.connections.is_over_limit(cast(Any, wire))
    for owner in (Owner(wire), first):
        harness.lose(owner)
    assert harness.open == 0 and not harness.connections._counts


def test_every_connection_that_enters_is_released() -> None:
    """Whatever owns it then, and however it leaves: no count stays."""
    harness = ConnectionHarness(0)
    owners = [harness.come(f"192.0.2.{n % 7}") for n in range(100)]
    assert harness.open == 100 and harness.connections.count("192.0.2.1") == 15
    for n, owner in enumerate(owners):
        assert owner is not None
        if n % 3 == 0:
            owner = harness.hand_on(harness.hand_on(owner))
        if n % 3 == 1:
            # Closed by the peer before it is handed on.
            owner.transport.closing = True
            owner = harness.hand_on(owner)
        owner.transport.closing = True
        if n % 2:
            harness.connections.remove(owner)
        harness.connections.discard(owner)
    assert harness.open == 0 and not harness.connections
    assert harness.connections.count("192.0.2.1") == 0
    assert not harness.connections._keys and not harness.connections._counts


def test_proxies_are_counted_by_their_readers() -> None:
    """A trusted one, or a Unix socket's: each reader's own address counts."""
    harness = ConnectionHarness()
    reader = Client("203.0.113.1", "203.0.113.1")
    for host in ("10.0.0.1", None, "10.0.0.2"):
        owners = [harness.come(host) for _ in range(5)]
        taken = []
        for owner in owners:
            assert owner is not None
            wire = cast(Any, owner.transport)
            taken.append(harness.connections.assign(wire, reader))
        assert taken == [True, True, False, False, False]
        for owner in owners:
            assert owner is not None
            harness.lose(owner)
    assert harness.open == 0 and harness.connections.count(reader.key) == 0


def test_an_unknown_proxy_is_not_counted_once_it_shows() -> None:
    """An audience may be behind it. Of such peers so many are remembered."""
    harness = ConnectionHarness()
    owner = harness.come("192.0.2.1")
    assert owner is not None
    forwarder = Client("192.0.2.1", "192.0.2.1", is_forwarder=True)
    assert harness.connections.assign(cast(Any, owner.transport), forwarder)
    assert all(harness.come("192.0.2.1") for _ in range(10))
    for n in range(2 * MAX_EXEMPT):
        harness.connections.assign(
            cast(Any, owner.transport), Client("", f"p{n}", is_forwarder=True)
        )
    assert len(harness.connections._exempt) == MAX_EXEMPT


def test_a_handshake_counts_until_its_connection_enters() -> None:
    """Of the excess some are told why; the rest gets no handshake."""
    harness = ConnectionHarness(1)
    peer, first = ("192.0.2.1", 1), object()
    assert harness.connections.begin_handshake(peer, first) == "192.0.2.1"
    excess = [object() for _ in range(MAX_TOLD + 2)]
    keys = [harness.connections.begin_handshake(peer, one) for one in excess]
    assert keys == ["192.0.2.1"] * MAX_TOLD + [None] * 2
    other = harness.come("192.0.2.2")
    assert other is not None and harness.open == 1
    for one in (first, *excess):
        harness.connections.end_handshake(one)
    owner = harness.come("192.0.2.1")
    assert owner is not None
    assert harness.connections.begin_handshake("a Unix socket", first) == ""
    for connection in (owner, other):
        harness.lose(connection)
    assert harness.open == 0 and not harness.connections._counts


def test_a_proxy_s_handshakes_do_not_count_by_address() -> None:
    """Nor is its address given: it has no share of its own."""
    harness = ConnectionHarness(1)
    forwarder = Client("192.0.2.1", "192.0.2.1", is_forwarder=True)
    wire = Wire("192.0.2.1")
    assert harness.connections.enter(cast(Any, wire), wire.peer)
    assert harness.connections.assign(cast(Any, wire), forwarder)
    for _ in range(3):
        assert harness.connections.begin_handshake(("192.0.2.1", 1), object()) == ""


def test_the_address_of_a_connection_among_others() -> None:
    """ "" for one that a proxy forwards, or that nobody counts."""
    harness = ConnectionHarness()
    owner, forwarded = harness.come("192.0.2.1"), harness.come("10.0.0.1")
    assert owner is not None and forwarded is not None
    assert address_among(harness.connections, cast(Any, owner.transport)) == "192.0.2.1"
    assert address_among(harness.connections, cast(Any, forwarded.transport)) == ""
    assert address_among(set(), cast(Any, owner.transport)) == ""
