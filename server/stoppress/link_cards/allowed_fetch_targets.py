"""Decides which addresses and hosts a fetch may reach. Pure.

Rules:
- An IP address must be on the public internet: the addresses in IANA's special-purpose
  registries are refused, and IPv6 addresses outside 2000::/3. This includes IPv4
  addresses inside IPv6 ones (mapped, 6to4, Teredo, NAT64).
- A host is a name of two labels or more, or an IP address in its usual notation. Names
  that are valid only inside a network are refused without a look-up.
- A port is 80 or 443.
- `internal` are an operator's exceptions, for webhooks
  (`domain/webhook_internal_hosts.py`).
- The error is the same for a refused host and for one that does not exist, so that it
  does not reveal the names of a private network.
"""

from __future__ import annotations

import re
from ipaddress import (
    AddressValueError,
    IPv4Address,
    IPv6Address,
    ip_address,
    ip_network,
)
from typing import NamedTuple
from urllib.parse import quote, urlsplit

import idna

from stoppress.domain.errors import Invalid
from stoppress.domain.web_address import address_fault
from stoppress.domain.webhook_internal_hosts import NO_INTERNAL_HOSTS, InternalHosts

NOT_PUBLIC = "can't be read: its host is unknown, or not on the public internet"
PORTS = {"http": 80, "https": 443}
MAX_HOST = 253

_SPECIAL_V4 = tuple(
    ip_network(network)
    for network in (
        *("0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8"),
        *("169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24", "192.0.2.0/24"),
        *("192.31.196.0/24", "192.52.193.0/24", "192.88.99.0/24", "192.168.0.0/16"),
        *("192.175.48.0/24", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24"),
        *("224.0.0.0/4", "240.0.0.0/4"),
        # Azure's platform, reachable only from its own machines.
        "168.63.129.16/32",
    )
)
_GLOBAL_V6 = ip_network("2000::/3")
_SPECIAL_V6 = tuple(
    ip_network(network)
    for network in (
        *("2001::/23", "2001:db8::/32", "2002::/16", "2620:4f:8000::/48"),
        *("3ffe::/16", "3fff::/20"),
    )
)
_PRIVATE_SUFFIXES = (
    *("localhost", "localdomain", "local", "internal", "intranet", "private", "corp"),
    *("home", "lan", "home.arpa", "in-addr.arpa", "ip6.arpa", "onion", "alt", "test"),
    *("invalid", "cluster.local"),
)
_NAME = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?:\.[a-z0-9_-]{1,63})*")
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")


class Target(NamedTuple):
    """The address that a page is requested from."""

    scheme: str
    host: str
    """A name in ASCII, or an IP address without brackets."""
    port: int
    path: str
    """The path with its query."""

    @property
    def authority(self) -> str:
        """The host and port, in the form of the header Host."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == PORTS[self.scheme] else f"{host}:{self.port}"

    @property
    def url(self) -> str:
        """The address as text."""
        return f"{self.scheme}://{self.authority}{self.path}"


def is_public(address: str) -> bool:
    """Whether an IP address is on the public internet."""
    try:
        found = ip_address(address)
    except ValueError:
        return False
    if isinstance(found, IPv4Address):
        return not any(found in network for network in _SPECIAL_V4)
    if found.scope_id is not None or found not in _GLOBAL_V6:
        return False
    return not any(found in network for network in _SPECIAL_V6)


def is_reachable(host: str, address: str, port: int, internal: InternalHosts) -> bool:
    """Whether a host may be asked at an address that it has."""
    if internal.has_name(host, port) or internal.has_address(address, port):
        return True
    return port in PORTS.values() and is_public(address)


def target_of(url: str, internal: InternalHosts = NO_INTERNAL_HOSTS) -> Target:
    """The target of a web address. Raises Invalid."""
    if (fault := address_fault(url)) is not None:
        raise Invalid("url", fault)
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        raise Invalid("url", "is invalid: its host or port is invalid") from None
    scheme = parts.scheme
    if scheme not in PORTS:
        raise Invalid("url", "is invalid: use https://… or http://…")
    port = PORTS[scheme] if port is None else port
    if port not in PORTS.values() and not internal.has_port(port):
        raise Invalid("url", "is invalid: use port 80 or 443")
    path = quote(parts.path or "/", safe="/:@!$&'()*+,;=~-._%")
    if parts.query:
        path += "?" + quote(parts.query, safe="/?:@!$&'()*+,;=~-._%")
    is_bracketed = "[" in parts.netloc
    return Target(scheme, _host(host, is_bracketed, port, internal), port, path)


def _host(given: str, is_bracketed: bool, port: int, internal: InternalHosts) -> str:
    """A host in ASCII. Raises Invalid."""
    if is_bracketed:
        return _address(given, IPv6Address, port, internal)
    host = given
    if not host.isascii():
        try:
            host = idna.encode(host, uts46=True, std3_rules=True).decode("ascii")
        except (idna.IDNAError, UnicodeError):
            raise Invalid("url", NOT_PUBLIC) from None
    host = host.lower().removesuffix(".")
    if _NUMBER.fullmatch(host.rpartition(".")[2]):
        # Any other notation of an IPv4 address: 2130706433, 0x7f.1, 0177.0.0.1.
        return _address(host, IPv4Address, port, internal)
    # If networks are allowed, the addresses of a name decide.
    is_allowed = internal.has_name(host, port) or bool(internal.networks)
    if (
        not _NAME.fullmatch(host)
        or len(host) > MAX_HOST
        or not (is_allowed or _is_public_name(host))
    ):
        raise Invalid("url", NOT_PUBLIC)
    return host


def _is_public_name(host: str) -> bool:
    suffixes = tuple(f".{one}" for one in _PRIVATE_SUFFIXES)
    return "." in host and not f".{host}".endswith(suffixes)


def _address(
    host: str,
    kind: type[IPv4Address] | type[IPv6Address],
    port: int,
    internal: InternalHosts,
) -> str:
    try:
        found = kind(host)
    except AddressValueError:
        raise Invalid("url", NOT_PUBLIC) from None
    if not is_reachable(str(found), str(found), port, internal):
        raise Invalid("url", NOT_PUBLIC)
    return str(found)
