"""The open connections of a process, counted by the peer's address.

It is the web server's set of connections: each protocol that owns a connection is in
it until it hands the connection on, or the connection is lost. Rules:
- A connection counts from its accept (`enter`) until the protocol that owns it leaves
  the set with its transport closed.
- Peers that forward for others are not counted by address: a trusted proxy, a Unix
  socket, and one that a request showed to be a proxy (`assign`).
- A connection over its address' limit is refused. It may send its first request
  before that (`is_over_limit`): a WebSocket is told by a close code, an event stream by
  an event. At most MAX_TOLD per process wait to be told; others are refused unread.
- A TLS handshake counts as a connection (`begin_handshake`), until the connection
  enters: of the excess, all but MAX_TOLD are refused before their handshakes.
- One entry per address is shared by all its connections; nothing is kept of an address
  without connections.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Sequence
from typing import Any, cast

from stoppress.guard.client_address import (
    LOCAL,
    UNKNOWN,
    Client,
    Network,
    address_key,
    is_trusted,
)
from stoppress.metric_instruments import NO_METER, Meter

MAX_TOLD = 256
"""Connections over a limit that are told why in the words of their transport."""
OVER_LIMIT = "over limit"
"""The key of those connections, which no address has."""
MAX_EXEMPT = 1024
"""Peers remembered as proxies; the oldest is forgotten."""


class ConnectionMetrics:
    """The metrics of connections."""

    def __init__(self, meter: Meter = NO_METER) -> None:
        self.open = meter.gauge("stoppress_connections", "Connections that are open.")
        self.refused = meter.counter(
            "stoppress_connections_refused",
            "Connections refused because their address had too many.",
        )


class OpenConnections(set[asyncio.Protocol]):
    """The web server's connections. `most` per address; 0: no limit."""

    def __init__(
        self,
        most: int = 0,
        networks: Sequence[Network] = (),
        metrics: ConnectionMetrics | None = None,
    ) -> None:
        super().__init__()
        self._most = most
        self.networks = networks
        self._metrics = metrics or ConnectionMetrics()
        self._keys: dict[Any, str] = {}
        self._counts: dict[str, int] = {}
        self._exempt: dict[str, None] = {}

    def enter(self, transport: asyncio.BaseTransport, peer: object) -> bool:
        """Count a new connection of a peer; False if its address has too many, and many
        of these wait to be told."""
        key = self._key_of_peer(peer)
        if not self._count(transport, key):
            return False
        self._metrics.open.add(1)
        return True

    def begin_handshake(self, peer: object, handshake: object) -> str | None:
        """Count a connection that begins its TLS handshake, until `end_handshake`.

        Returns the key of its address, "" if addresses have no limit or it is a
        proxy's; None if its address has too many, as in `enter`.
        """
        key = self._key_of_peer(peer)
        if not self._count(handshake, key):
            return None
        return "" if key in self._exempt or not self._most else key

    def end_handshake(self, handshake: object) -> None:
        """Stop counting a handshake: it is done, or its connection is closed."""
        if key := self._keys.pop(handshake, ""):
            self._leave(key)

    def _key_of_peer(self, peer: object) -> str:
        """The key of a peer's address; "" if it is no address, or a trusted proxy's."""
        if not isinstance(peer, tuple) or is_trusted(peer, self.networks):
            return ""
        return sys.intern(address_key(peer[0]))

    def _count(self, connection: object, key: str) -> bool:
        """Count a connection by a key, or over its limit; False if it is refused."""
        if key:
            count = self._counts.get(key, 0)
            if self._most and count >= self._most and key not in self._exempt:
                self._metrics.refused.add()
                key, count = OVER_LIMIT, self._counts.get(OVER_LIMIT, 0)
                if count >= MAX_TOLD:
                    return False
            self._counts[key] = count + 1
        self._keys[connection] = key
        return True

    def key_of(self, transport: asyncio.BaseTransport) -> str:
        """The key that a connection counts by; "" if it came through a proxy."""
        key = self._keys.get(transport, "")
        return "" if key in self._exempt else key

    def is_over_limit(self, transport: asyncio.BaseTransport) -> bool:
        """Whether the connection is to be refused, once it says what it wants."""
        return self._keys.get(transport) == OVER_LIMIT

    def assign(self, transport: asyncio.BaseTransport, client: Client) -> bool:
        """Count a reader's connection for its client, if a trusted proxy forwards it.

        False if that client has too many. A peer that forwards for others, and is not
        trusted, is not counted from now on.
        """
        if client.is_forwarder:
            self._exempt_peer(client.key)
            if self.is_over_limit(transport):
                self._leave(OVER_LIMIT)
                self._keys[transport] = ""
            return True
        counted_by = self._keys.get(transport)
        if counted_by == OVER_LIMIT:
            return False
        if counted_by != "" or client.key in (LOCAL, UNKNOWN):
            return True
        count = self._counts.get(client.key, 0)
        if self._most and count >= self._most:
            self._metrics.refused.add()
            return False
        self._keys[transport] = client.key
        self._counts[client.key] = count + 1
        return True

    def _exempt_peer(self, key: str) -> None:
        self._exempt[key] = None
        if len(self._exempt) > MAX_EXEMPT:
            del self._exempt[next(iter(self._exempt))]

    def count(self, key: str) -> int:
        """The open connections of an address."""
        return self._counts.get(key, 0)

    def remove(self, protocol: object) -> None:
        """Like `discard`."""
        self.discard(protocol)

    def discard(self, protocol: object) -> None:
        """Remove a protocol that handed its connection on, or lost it."""
        super().discard(cast(asyncio.Protocol, protocol))
        transport = getattr(protocol, "transport", None)
        if transport is None or not transport.is_closing():
            return
        key = self._keys.pop(transport, None)
        if key is None:
            return
        self._metrics.open.add(-1)
        if key:
            self._leave(key)

    def _leave(self, key: str) -> None:
        left = self._counts[key] - 1
        if left:
            self._counts[key] = left
        else:
            del self._counts[key]


def address_among(connections: object, transport: asyncio.BaseTransport) -> str:
    """The key that a connection counts by among these; "" if they aren't counted."""
    if not isinstance(connections, OpenConnections):
        return ""
    return connections.key_of(transport)
