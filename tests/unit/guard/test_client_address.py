"""Whom a limit counts."""

from __future__ import annotations

from ipaddress import ip_network

import pytest

from stoppress.guard.client_address import (
    LOCAL,
    UNKNOWN,
    Client,
    address_key,
    client_of,
)

PROXIES = [ip_network("10.0.0.0/8"), ip_network("::1")]


@pytest.mark.parametrize(
    ("host", "key"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2::1", "20010db800010002"),
        ("2001:db8:1:2:ffff:ffff:ffff:ffff", "20010db800010002"),
        ("2001:db8:1:3::1", "20010db800010003"),
        ("fe80::1%eth0", "fe80000000000000"),
        ("", UNKNOWN),
        ("no:address", UNKNOWN),
    ],
)
def test_an_address_is_counted_by_its_network(host: str, key: str) -> None:
    """A /64 is one customer; a mapped IPv4 address is that address."""
    assert address_key(host) == key


def client(peer: object, **headers: str) -> Client:
    """The client of a request with these headers."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return client_of(peer, named.get, PROXIES)


@pytest.mark.parametrize(
    ("peer", "headers", "address"),
    [
        (("198.51.100.1", 1), {}, "198.51.100.1"),
        # Not trusted: what it says does not count.
        (("198.51.100.1", 1), {"x_forwarded_for": "203.0.113.9"}, "198.51.100.1"),
        (("10.0.0.1", 1), {"x_forwarded_for": "203.0.113.9"}, "203.0.113.9"),
        # The reader may have sent the first ones itself.
        (("10.0.0.1", 1), {"x_forwarded_for": "1.1.1.1, 203.0.113.9"}, "203.0.113.9"),
        (("10.0.0.1", 1), {"x_forwarded_for": "203.0.113.9, 10.2.3.4"}, "203.0.113.9"),
        (("10.0.0.1", 1), {"x_forwarded_for": "203.0.113.9:4711"}, "203.0.113.9"),
        (
            ("::1", 1),
            {"forwarded": 'for="[2001:db8::1]:47";proto=https'},
            "2001:db8::1",
        ),
        (("::1", 1), {"forwarded": "for=203.0.113.9"}, "203.0.113.9"),
        (("10.0.0.1", 1), {"forwarded": "for=1.1.1.1, for=203.0.113.9"}, "203.0.113.9"),
        (
            ("10.0.0.1", 1),
            {"forwarded": "for=203.0.113.9;host=for=6.6.6.6;proto=http"},
            "203.0.113.9",
        ),
        (
            ("10.0.0.1", 1),
            {"forwarded": 'for=203.0.113.9;host="for=6.6.6.6"'},
            "203.0.113.9",
        ),
        (
            ("10.0.0.1", 1),
            {"forwarded": 'for=203.0.113.9;by="x, for=6.6.6.6"'},
            "203.0.113.9",
        ),
        (("10.0.0.1", 1), {"forwarded": "for=6.6.6.6, xfor=7.7.7.7"}, UNKNOWN),
        (("10.0.0.1", 1), {"forwarded": "for=6.6.6.6, proto=https"}, UNKNOWN),
        (("10.0.0.1", 1), {"forwarded": "for=6.6.6.6, for=10.1.1.1, for="}, UNKNOWN),
        (("10.0.0.1", 1), {"forwarded": 'x=", for=203.0.113.9'}, UNKNOWN),
        (("10.0.0.1", 1), {"forwarded": 'for=6.6.6.6, x=", for=1.1.1.1'}, UNKNOWN),
        (("10.0.0.1", 1), {"forwarded": "for=_hidden"}, UNKNOWN),
        # It names the site alone.
        (("10.0.0.1", 1), {"forwarded": "proto=https;host=n.example"}, "10.0.0.1"),
        (("10.0.0.1", 1), {"forwarded": ""}, "10.0.0.1"),
        # X-Forwarded-For wins where both are there.
        (
            ("10.0.0.1", 1),
            {"x_forwarded_for": "203.0.113.9", "forwarded": "for=6.6.6.6"},
            "203.0.113.9",
        ),
        (("10.0.0.1", 1), {"x_forwarded_for": "<script>"}, UNKNOWN),
        (("10.0.0.1", 1), {}, "10.0.0.1"),
        (None, {"x_forwarded_for": "203.0.113.9"}, "203.0.113.9"),
        (None, {}, LOCAL),
    ],
)
def test_the_client_is_who_the_last_trusted_proxy_met(
    peer: object, headers: dict[str, str], address: str
) -> None:
    """Everything before that is hearsay."""
    assert client(peer, **headers).address == address


@pytest.mark.parametrize("name", ["x_forwarded_for", "forwarded", "via"])
def test_an_untrusted_forwarder_is_marked(name: str) -> None:
    """An audience may be behind it; a trusted proxy names its readers."""
    assert client(("198.51.100.1", 1), **{name: "1.1 proxy"}).is_forwarder
    assert not client(("10.0.0.1", 1), **{name: "1.1 proxy"}).is_forwarder
    assert not client(("198.51.100.1", 1)).is_forwarder


def test_a_long_chain_is_read_from_its_end() -> None:
    """It may have as many addresses as a head has room for."""
    chain = ", ".join(["203.0.113.9"] + ["10.0.0.1"] * 5000)
    assert client(("10.0.0.1", 1), x_forwarded_for=chain).address == "10.0.0.1"
