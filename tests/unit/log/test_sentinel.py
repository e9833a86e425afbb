"""The address of a primary that Sentinels know."""

from __future__ import annotations

import pytest

from stoppress.log.sentinel import parse


def test_another_address() -> None:
    """Is none of Sentinels."""
    assert parse("redis://127.0.0.1:6379/0") is None
    assert parse("unix:///run/valkey.sock") is None


def test_the_short_form() -> None:
    """Hosts, and a name."""
    found = parse("redis+sentinel://a:1,b,[::1]:3/news")
    assert found is not None
    assert found.name == "news"
    assert found.servers == "redis://news/"
    assert found.sentinels == ("redis://a:1", "redis://b:26379", "redis://[::1]:3")


def test_the_long_form() -> None:
    """The servers' user, database and options; the Sentinels' own; TLS to all."""
    found = parse(
        "rediss+sentinel://me:p%40ss@a:1,b:2/news/3"
        "?client_name=hub&ssl_ca_certs=/ca.pem&sentinel_username=s&sentinel_password=%26"
    )
    assert found is not None
    assert found.servers == (
        "rediss://me:p%40ss@news/3?client_name=hub&ssl_ca_certs=%2Fca.pem"
    )
    query = "?ssl_ca_certs=%2Fca.pem"
    assert found.sentinels == (
        f"rediss://s:%26@a:1{query}",
        f"rediss://s:%26@b:2{query}",
    )


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("redis+sentinel://a:1,b:2", "name of the primary"),
        ("redis+sentinel://a:1,b:2/", "name of the primary"),
        ("redis+sentinel:///news", "address of a Sentinel is invalid"),
        ("redis+sentinel://a:1,,b:2/news", "address of a Sentinel is invalid"),
        ("redis+sentinel://a:x/news", "Port"),
    ],
)
def test_an_invalid_address_is_refused(url: str, why: str) -> None:
    """Says what is wrong."""
    with pytest.raises(ValueError, match=why):
        parse(url)
