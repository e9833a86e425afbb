"""An address is read part by part, and never shown."""

from __future__ import annotations

import pytest

from stoppress.log.redis_address import check_address, user_of
from stoppress.settings import BadSetting


@pytest.mark.parametrize(
    "url",
    [
        "redis://h",
        "redis://h:6379/0",
        "redis://app:p%2Fa%23s%3Fs%40w%3Ao%25rd@h:6379/0",
        "redis://app:a@b@h:6379",
        "redis://:pw@[::1]:6379/15",
        "rediss://app:pw@h?ssl_ca_certs=/a@b/ca.pem&db=3",
        "unix:///run/valkey.sock",
        "unix://app:pw@/run/valkey.sock?db=2",
        "redis+sentinel://app:pw@a:1,b,[::1]:3/news/3?sentinel_password=%26",
        "rediss+cluster://app:pw@a:1,b:2,c:3?ssl_ca_certs=/ca.pem",
    ],
)
def test_valid_addresses_are_accepted(url: str) -> None:
    """Every form, with what is percent-encoded."""
    check_address(url)


@pytest.mark.parametrize(
    ("url", "part"),
    [
        ("redis://app:s3cr3t/pa#ss@h:6379/0", "%2F"),
        ("redis://app:s3cr3t/pass@h:6379/0", "%2F"),
        ("redis://app:s3cr3t#pass@h:6379/0", "%23"),
        ("redis://app:s3cr3t?pass@h:6379/0", "%3F"),
        ("redis://app:12?s3cr3t@h:6379/0", "%3F"),
        ("redis://app:12?s3cr3t=a@h:6379/0", "%3F"),
        ("redis://app:s3cr3t[pass@h:6379/0", "user or password"),
        ("redis://app:s3cr3t pass@h:6379/0", "user or password"),
        ("redis://app:s3cr3t%pass@h:6379/0", "user or password"),
        ("redis://app:s3cr3t\uff03@h:6379/0", "user or password"),
        ("redis://app:s3cr3t", "host or port"),
        ("redis://app:s3cr3t@h:port/0", "host or port"),
        ("redis://app:s3cr3t@h:/0", "host or port"),
        ("redis://app:s3cr3t@h:70000/0", "port"),
        ("redis://app:s3cr3t@h:0/0", "port"),
        ("redis://app:s3cr3t@h:6379/s3cr3t", "database number"),
        ("redis://app:s3cr3t@h:6379/0/1", "database number"),
        ("redis://app:s3cr3t@h?db=s3cr3t", "after the ?"),
        ("redis://app:s3cr3t@h?s3cr3t=1", "after the ?"),
        ("http://app:s3cr3t@h", "scheme"),
        ("app:s3cr3t@h:6379", "scheme"),
        ("s3cr3t", "scheme"),
        ("", "scheme"),
        ("unix://app:s3cr3t@h/run/s", "path"),
        ("unix://app:s3cr3t@", "path"),
        ("redis+sentinel://app:s3cr3t@a:1,b:2", "name of the primary"),
        ("redis+sentinel://app:s3cr3t/x@a:1,b:2/news", "%2F"),
        ("redis+sentinel://app:s3cr3t@a:1,b:x/news", "host or port"),
        ("redis+sentinel://app:s3cr3t@a:1/news/s3cr3t", "database number"),
        ("redis+cluster://app:s3cr3t@a:1,b:2/3", "database 0"),
    ],
)
def test_an_invalid_address_is_refused_without_showing_it(url: str, part: str) -> None:
    """One line, which says what to do."""
    with pytest.raises(BadSetting) as bad:
        check_address(url)
    line = str(bad.value)
    assert part in line and line.startswith("redis=")
    assert "s3cr3t" not in line and "\n" not in line and "pass@" not in line


@pytest.mark.parametrize(
    ("url", "user"),
    [
        ("redis://app:pw@h", "app"),
        ("redis://a%20b:pw@h", "a b"),
        ("redis://h", "default"),
        ("redis://:pw@h", "default"),
        ("redis://perhaps-a-password@h", "USER"),
        ("no address", "default"),
    ],
)
def test_a_user_without_a_password_is_not_shown(url: str, user: str) -> None:
    """Alone it may be the password."""
    assert user_of(url) == user
