"""The hosts of an operator's own network that webhooks may be sent to. Pure.

Rules:
- An entry is a host, an IP address or a network, each with a port or without:
  `cms.internal:8080`, `10.2.0.0/16`, `[fd00::1]:8443`. Without a port it means 80 and
  443.
- A name in the list is the operator's: its addresses are not checked. Any other name
  must have addresses that are public or in a network of the list.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from typing import NamedTuple

WEB_PORTS = (80, 443)

_PORT = re.compile(r"(?P<host>\[[^\]]+\](?:/\d+)?|[^:]+):(?P<port>\d{1,5})")
_BRACKETS = re.compile(r"\[([^\[\]]*)\]")
_NAME = re.compile(r"[a-z0-9_-]{1,63}(\.[a-z0-9_-]{1,63})*")
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")
"""What the last label of a name never is."""

Ports = tuple[int, ...]


class InternalHosts(NamedTuple):
    """The hosts and networks, each with its ports."""

    names: tuple[tuple[str, Ports], ...] = ()
    networks: tuple[tuple[IPv4Network | IPv6Network, Ports], ...] = ()

    @classmethod
    def of(cls, entries: Sequence[str]) -> InternalHosts:
        """Parse a list. Raises ValueError with what is wrong with which entry."""
        names: list[tuple[str, Ports]] = []
        networks: list[tuple[IPv4Network | IPv6Network, Ports]] = []
        for entry in entries:
            host, ports = _split(entry)
            try:
                network = ip_network(_BRACKETS.sub(r"\1", host))
            except ValueError:
                if not _is_name(host):
                    raise ValueError(
                        f"{entry!r} is no host and no network: use entries such as "
                        "cms.internal:8080 or 10.2.0.0/16"
                    ) from None
                names.append((host, ports))
            else:
                networks.append((network, ports))
        return cls(tuple(names), tuple(networks))

    def has_port(self, port: int) -> bool:
        """Whether any entry is about the port."""
        return any(port in ports for _, ports in (*self.names, *self.networks))

    def has_name(self, host: str, port: int) -> bool:
        """Whether the host is in the list by its name."""
        return any(host == name and port in ports for name, ports in self.names)

    def has_address(self, address: str, port: int) -> bool:
        """Whether an IP address is in a network of the list."""
        try:
            found = ip_address(address)
        except ValueError:
            return False
        found = getattr(found, "ipv4_mapped", None) or found
        return any(
            found in network and port in ports for network, ports in self.networks
        )


NO_INTERNAL_HOSTS = InternalHosts()


def _split(entry: str) -> tuple[str, Ports]:
    found = _PORT.fullmatch(entry)
    if found is None or not 0 < int(found["port"]) < 65536:
        return entry.lower(), WEB_PORTS
    return found["host"].lower(), (int(found["port"]),)


def _is_name(host: str) -> bool:
    return _NAME.fullmatch(host) is not None and not _NUMBER.fullmatch(
        host.rpartition(".")[2]
    )
