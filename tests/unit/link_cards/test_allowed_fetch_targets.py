"""Which addresses and hosts are of the public internet."""

from __future__ import annotations

import pytest

from stoppress.domain.errors import Invalid
from stoppress.link_cards.allowed_fetch_targets import is_public, target_of

PUBLIC = (
    *("8.8.8.8", "93.184.216.34", "1.1.1.1", "172.15.255.255", "172.32.0.1"),
    *("192.167.255.255", "100.63.255.255", "100.128.0.1", "169.253.0.1", "223.255.0.1"),
    *("2606:4700:4700::1111", "2a00:1450:4001:80b::200e", "2400:cb00::1"),
)
SPECIAL = (
    *("0.0.0.0", "0.1.2.3", "10.0.0.1", "10.255.255.255", "100.64.0.1"),
    *("100.127.255.254", "100.100.100.200", "127.0.0.1", "127.255.255.254"),
    *("169.254.169.254", "169.254.170.2", "168.63.129.16", "172.16.0.1"),
    *("172.31.255.255", "192.0.0.192", "192.0.2.1", "192.88.99.1", "192.168.0.1"),
    *("198.18.0.1", "198.51.100.1", "203.0.113.1", "224.0.0.1", "239.255.255.250"),
    *("240.0.0.1", "255.255.255.255"),
    *("::", "::1", "::127.0.0.1", "::ffff:127.0.0.1", "::ffff:8.8.8.8"),
    *("::ffff:0:127.0.0.1", "64:ff9b::7f00:1", "64:ff9b:1::a00:1", "100::1"),
    *("2001::1", "2001:db8::1", "2001:10::1", "2002:7f00:1::", "2002:a00:1::1"),
    *("3fff::1", "3ffe::1", "4000::1", "5f00::1", "fc00::1", "fd00:ec2::254"),
    *("fe80::1", "fe80::1%eth0", "fec0::1", "ff02::1", "2606:4700::1%1"),
    *("", "localhost", "127.1", "0x7f000001", "2130706433", "8.8.8.8.", "08.8.8.8"),
)


@pytest.mark.parametrize("address", PUBLIC)
def test_public_addresses(address: str) -> None:
    """What anybody may reach."""
    assert is_public(address)


@pytest.mark.parametrize("address", SPECIAL)
def test_special_addresses(address: str) -> None:
    """Private, local, reserved, multicast, documented, embedded; and what is none."""
    assert not is_public(address)


@pytest.mark.parametrize(
    ("url", "reported"),
    [
        ("https://a.example", "https://a.example/"),
        ("http://a.example:80/x?y=1#z", "http://a.example/x?y=1"),
        ("HTTPS://A.Example.:443/%C3%A9/é?q=ü&r=%26", None),
        ("http://a.example:443/", "http://a.example:443/"),
        ("https://a.example/a b|c", "https://a.example/a%20b%7Cc"),
        ("https://bücher.example/", "https://xn--bcher-kva.example/"),
        ("https://8.8.8.8/", "https://8.8.8.8/"),
        ("https://[2606:4700:4700:0::1111]/", "https://[2606:4700:4700::1111]/"),
        ("https://my_host.a.example/", "https://my_host.a.example/"),
    ],
)
def test_targets(url: str, reported: str | None) -> None:
    """A target is what a request needs, in ASCII."""
    target = target_of(url)
    assert target.url == (reported or "https://a.example/%C3%A9/%C3%A9?q=%C3%BC&r=%26")
    assert target.url.isascii()


@pytest.mark.parametrize(
    "url",
    [
        *("/v1/feeds", "mailto:a@b.example", "ftp://a.example/", "file:///etc/passwd"),
        *("gopher://a.example/", "//a.example/", "javascript:alert(1)", "a.example"),
        *("https://a.example:22/", "https://a.example:8443/", "http://a.example:0/"),
        *("http://a.example:65536/", "http://a.example:x/", "https://"),
        *("https://user@a.example/", "https://user:p@a.example/", "https://@a.example"),
        *("https://a.example\\@b.example/", "https://a.example\n/", "https://a..b/"),
        *("https://-a.example/", "https://[::1", "https://[v1.x]/", "https://a b.c/"),
        f"https://{'a.' * 140}example/",
        f"https://{'a' * 64}.example/",
    ],
)
def test_an_invalid_target_is_refused(url: str) -> None:
    """Other schemes, other ports, names before the host, odd hosts."""
    with pytest.raises(Invalid) as refused:
        target_of(url)
    assert refused.value.field == "url"
