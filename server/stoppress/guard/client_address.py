"""The client of a request: its address, and the key that limits count by.

Rules:
- The peer's address counts, unless the peer is a trusted proxy (`trusted_proxies`, or
  any peer of a Unix socket): then the last address in X-Forwarded-For, or without that
  header in Forwarded, that is not a trusted proxy's.
- An element of Forwarded that is malformed or has no `for` is a client without an
  address: what stands before it is not believed in its place.
- IPv6 is counted by /64, the least that one customer gets; an IPv4 address mapped into
  IPv6 is that IPv4 address.
- A peer that is not trusted and yet forwards for others (`Client.is_forwarder`) hides
  its readers: limits of readers by address do not apply to it.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Mapping, Sequence
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
)
from typing import Any, NamedTuple

from stoppress.guard.forwarded_header import elements

Network = IPv4Network | IPv6Network
HeaderValue = Callable[[str], str | None]
"""A header's value by its lower-case name; several joined by a comma."""

LOCAL = "local"
"""The key of a peer on a Unix socket that names no client."""
UNKNOWN = "unknown"
FORWARDING_HEADERS = ("x-forwarded-for", "forwarded", "via")
"""Headers by which a proxy says that it forwards for others."""

CLIENT = "stop_press.client"
"""The key of a request's Client in its ASGI scope."""

_MAPPED = bytes(10) + b"\xff\xff"
MAX_HOPS = 16
"""Addresses read in a forwarding header, from its end."""


class Client(NamedTuple):
    """The client of a request. Limits count by `key`."""

    address: str
    key: str
    is_forwarder: bool = False
    """Whether the peer is not trusted and forwards for others."""


NAMELESS = Client(UNKNOWN, UNKNOWN)
"""A client that a proxy did not name by an address."""


def address_key(host: str) -> str:
    """The key of an address: an IPv4 address, or the /64 of an IPv6 address."""
    if ":" not in host:
        return host or UNKNOWN
    try:
        packed = socket.inet_pton(socket.AF_INET6, host.partition("%")[0])
    except OSError:
        return UNKNOWN
    if packed.startswith(_MAPPED):
        return socket.inet_ntoa(packed[12:])
    return packed[:8].hex()


def is_trusted(client: object, networks: Sequence[Network]) -> bool:
    """Whether the peer is trusted to name the client that it forwards for."""
    if client is None:
        return True  # a Unix socket
    if not networks:
        return False
    host = client[0] if isinstance(client, tuple | list) and client else ""
    return _is_within(str(host), networks)


def _is_within(host: str, networks: Sequence[Network]) -> bool:
    address = _address(host)
    if address is None:
        return False
    mapped = getattr(address, "ipv4_mapped", None) or address
    return any(mapped in network for network in networks)


def _address(host: str) -> IPv4Address | IPv6Address | None:
    try:
        return ip_address(host)
    except ValueError:
        return None


def client_of(peer: object, header: HeaderValue, networks: Sequence[Network]) -> Client:
    """The client of a request from `peer` (host and port; None: a Unix socket)."""
    if not is_trusted(peer, networks):
        host = str(peer[0]) if isinstance(peer, tuple | list) and peer else ""
        forwards = (
            header("x-forwarded-for") is not None
            or header("forwarded") is not None
            or header("via") is not None
        )
        return Client(host, address_key(host), forwards)
    for host in reversed(_hops(header)[-MAX_HOPS:]):
        if not _is_within(host, networks):
            is_address = _address(host) is not None
            return Client(host, address_key(host)) if is_address else NAMELESS
    if isinstance(peer, tuple | list) and peer:
        return Client(str(peer[0]), address_key(str(peer[0])))
    return Client(LOCAL, LOCAL)


def client_in(scope: Mapping[str, Any]) -> Client:
    """The client of a request, as found where it entered; else its peer."""
    found: Client | None = scope.get(CLIENT)
    return found or client_of(scope.get("client"), lambda name: None, ())


def header_value(scope: Mapping[str, Any]) -> HeaderValue:
    """The headers of an ASGI scope as a function."""
    values: dict[bytes, bytes] = {}
    for key, text in scope["headers"]:
        values[key] = b"%b, %b" % (values[key], text) if key in values else text

    def value(name: str) -> str | None:
        found = values.get(name.encode())
        return None if found is None else found.decode("latin-1")

    return value


def _hops(header: HeaderValue) -> list[str]:
    """The client addresses in the forwarding headers, the nearest last."""
    said = header("x-forwarded-for")
    if said is not None:
        named = [part.strip() for part in said.split(",")]
    else:
        named = _named_in(header("forwarded") or "")
    return [_bare(text) for text in named if text]


def _named_in(forwarded: str) -> list[str]:
    """The `for` of each element; UNKNOWN for an element that does not say it.

    Empty for a proxy that names no client, but for example the site alone.
    """
    found = elements(forwarded)
    if all(element is not None and "for" not in element for element in found):
        return []
    return [(element or {}).get("for") or UNKNOWN for element in found]


def _bare(text: str) -> str:
    """The address without its port and brackets: `[2001:db8::1]:47` and `1.2.3.4:5`."""
    if text.startswith("["):
        return text[1:].partition("]")[0]
    return text.partition(":")[0] if text.count(":") == 1 else text
