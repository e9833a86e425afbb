"""Connections are counted by address until they are lost, whoever owns them."""

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


class Room:
    """The connections of a server, and what they count."""

    def __init__(self, most: int = 2) -> None:
        self.tally = Tally()
        metrics = ConnectionMetrics(self.tally)
        self.connections = OpenConnections(most, PROXY, metrics)

    def come(self, host: str | None) -> Owner | None:
        """A connection from an address, if it is let in."""
        wire = Wire(host)
        if not self.connections.enter(cast(Any, wire)):
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


def test_an_address_has_so_many() -> None:
    """Another may come when one goes; other addresses are not touched."""
    room = Room()
    first, second = room.come("192.0.2.1"), room.come("::ffff:192.0.2.1")
    assert first and second and room.come("192.0.2.1") is None
    assert room.come("192.0.2.2")
    room.lose(room.hand_on(first))
    assert room.come("192.0.2.1")
    assert room.come("192.0.2.1") is None
    assert room.tally.sum("stoppress_connections_refused") == 2


def test_some_over_the_limit_are_told_why() -> None:
    """They count by themselves: neither for the address nor without a bound."""
    room = Room(1)
    first = room.come("192.0.2.1")
    assert first is not None
    wires = [Wire("192.0.2.1") for _ in range(MAX_TOLD + 1)]
    entered = [room.connections.enter(cast(Any, wire)) for wire in wires]
    assert entered == [True] * MAX_TOLD + [False]
    told, refused = wires[0], wires[-1]
    assert room.connections.is_over_limit(cast(Any, told))
    assert not room.connections.is_over_limit(cast(Any, refused))
    client = Client("192.0.2.1", "192.0.2.1")
    assert not room.connections.assign(cast(Any, told), client)
    assert room.connections.count("192.0.2.1") == 1
    room.lose(Owner(told))
    assert room.connections.enter(cast(Any, refused))
    for wire in wires[1:]:
        room.lose(Owner(wire))
    room.lose(first)
    assert room.open == 0 and not room.connections._counts


def test_a_proxy_shows_itself_over_the_limit() -> None:
    """Its connection is a reader's like any other from then on."""
    room = Room(1)
    first, wire = room.come("192.0.2.1"), Wire("192.0.2.1")
    assert first is not None and room.connections.enter(cast(Any, wire))
    forwarder = Client("192.0.2.1", "192.0.2.1", is_forwarder=True)
    assert room.connections.assign(cast(Any, wire), forwarder)
    assert not room.connections.is_over_limit(cast(Any, wire))
    for owner in (Owner(wire), first):
        room.lose(owner)
    assert room.open == 0 and not room.connections._counts


def test_all_that_come_go() -> None:
    """Whoever owns them then, and however they leave the set: no count stays."""
    room = Room(0)
    owners = [room.come(f"192.0.2.{n % 7}") for n in range(100)]
    assert room.open == 100 and room.connections.count("192.0.2.1") == 15
    for n, owner in enumerate(owners):
        assert owner is not None
        if n % 3 == 0:
            owner = room.hand_on(room.hand_on(owner))
        if n % 3 == 1:
            # Closed by the peer before it is handed on.
            owner.transport.closing = True
            owner = room.hand_on(owner)
        owner.transport.closing = True
        if n % 2:
            room.connections.remove(owner)
        room.connections.discard(owner)
    assert room.open == 0 and not room.connections
    assert room.connections.count("192.0.2.1") == 0
    assert not room.connections._keys and not room.connections._counts


def test_proxies_are_counted_by_their_readers() -> None:
    """A trusted one, or a Unix socket's: each reader's own address counts."""
    room = Room()
    reader = Client("203.0.113.1", "203.0.113.1")
    for host in ("10.0.0.1", None, "10.0.0.2"):
        owners = [room.come(host) for _ in range(5)]
        taken = []
        for owner in owners:
            assert owner is not None
            wire = cast(Any, owner.transport)
            taken.append(room.connections.assign(wire, reader))
        assert taken == [True, True, False, False, False]
        for owner in owners:
            assert owner is not None
            room.lose(owner)
    assert room.open == 0 and room.connections.count(reader.key) == 0


def test_an_unknown_proxy_is_not_counted_once_it_shows() -> None:
    """An audience may be behind it. Of such peers so many are remembered."""
    room = Room()
    owner = room.come("192.0.2.1")
    assert owner is not None
    forwarder = Client("192.0.2.1", "192.0.2.1", is_forwarder=True)
    assert room.connections.assign(cast(Any, owner.transport), forwarder)
    assert all(room.come("192.0.2.1") for _ in range(10))
    for n in range(2 * MAX_EXEMPT):
        room.connections.assign(
            cast(Any, owner.transport), Client("", f"p{n}", is_forwarder=True)
        )
    assert len(room.connections._exempt) == MAX_EXEMPT


def test_a_handshake_counts_until_its_connection_enters() -> None:
    """Of the excess some are told why; the rest gets no handshake."""
    room = Room(1)
    peer, first = ("192.0.2.1", 1), object()
    assert room.connections.begin_handshake(peer, first) == "192.0.2.1"
    excess = [object() for _ in range(MAX_TOLD + 2)]
    keys = [room.connections.begin_handshake(peer, one) for one in excess]
    assert keys == ["192.0.2.1"] * MAX_TOLD + [None] * 2
    other = room.come("192.0.2.2")
    assert other is not None and room.open == 1
    for one in (first, *excess):
        room.connections.end_handshake(one)
    owner = room.come("192.0.2.1")
    assert owner is not None
    assert room.connections.begin_handshake("a Unix socket", first) == ""
    for connection in (owner, other):
        room.lose(connection)
    assert room.open == 0 and not room.connections._counts


def test_a_proxy_s_handshakes_do_not_count_by_address() -> None:
    """Nor is its address given: it has no share of its own."""
    room = Room(1)
    forwarder = Client("192.0.2.1", "192.0.2.1", is_forwarder=True)
    wire = Wire("192.0.2.1")
    assert room.connections.enter(cast(Any, wire))
    assert room.connections.assign(cast(Any, wire), forwarder)
    for _ in range(3):
        assert room.connections.begin_handshake(("192.0.2.1", 1), object()) == ""
