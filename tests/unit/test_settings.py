"""Settings: read, checked, handed on, described."""

from __future__ import annotations

from pathlib import Path

import pytest

from stoppress.settings import (
    BadSetting,
    Settings,
    describe,
    from_environment,
    to_environment,
)


def test_every_setting_is_read_from_its_variable() -> None:
    """The variable's text becomes the setting's type."""
    settings = from_environment(
        {
            "STOPPRESS_PORT": "9000",
            "STOPPRESS_DATA": "/srv/news",
            "STOPPRESS_DRAIN_SECONDS": "2.5",
            "STOPPRESS_UNKNOWN": "is nobody's business",
        }
    )
    wanted = Settings(port=9000, data=Path("/srv/news"), drain_seconds=2.5)
    assert settings == wanted


def test_what_is_given_wins_over_the_environment() -> None:
    """None means not given."""
    environ = {"STOPPRESS_PORT": "9000", "STOPPRESS_HOST": "::1"}
    settings = from_environment(environ, port=9001, host=None)
    assert (settings.port, settings.host) == (9001, "::1")


def test_settings_survive_the_environment() -> None:
    """What the supervisor has is what its workers get."""
    settings = Settings(port=1, redis="unix:///a b", drain_seconds=0.1, beat=3)
    assert from_environment(to_environment(settings)) == settings


@pytest.mark.parametrize(
    ("name", "text", "says"),
    [
        ("PORT", "http", "STOPPRESS_PORT='http'"),
        ("PORT", "-1", "port=-1"),
        ("PORT", "65536", "65535"),
        ("WORKERS", "0", "1 or more"),
        ("BEAT", "2.5", "STOPPRESS_BEAT"),
        ("DRAIN_SECONDS", "nan", "drain_seconds"),
        ("DRAIN_SECONDS", "inf", "drain_seconds"),
        ("DURABILITY", "replicas:0", "replicas:N"),
        ("SHARE", "mail, myspace", "'myspace' is none of mail, whatsapp"),
        ("DURABILITY", "always", "fsync, memory or replicas:N"),
        ("PUBLIC_URL", "live.example.org", "must begin with https://"),
        ("PUBLIC_URL", "ftp://live.example.org", "must begin with https://"),
        ("PUBLIC_URL", "//live.example.org", "must begin with https://"),
        ("PUBLIC_URL", "https:///live", "no host"),
        ("PUBLIC_URL", "https://a b.example", "white space"),
        ("PUBLIC_URL", "https://a.example/\n", "white space"),
        ("PUBLIC_URL", "https://ü.example", "xn--"),
        ("PUBLIC_URL", "https://a.example:port", "no address"),
        ("PUBLIC_URL", "https://a.example:70000", "no address"),
        ("PUBLIC_URL", "https://[::1", "no address"),
        ("PUBLIC_URL", "https://a.example/?x=1", "no query"),
        ("PUBLIC_URL", "https://a.example?", "no query"),
        ("PUBLIC_URL", "https://a.example/#top", "no fragment"),
        ("PUBLIC_URL", "https://a.example//live", "its path"),
        ("PUBLIC_URL", "https://a.example/../live", "its path"),
        ("PUBLIC_URL", 'https://a.example/"x', "its path"),
        ("TRUSTED_PROXIES", "10.0.0.0/33", "'10.0.0.0/33' is no network"),
        ("TRUSTED_PROXIES", "127.0.0.1, proxy", "'proxy' is no network"),
    ],
)
def test_a_bad_setting_is_told_by_name(name: str, text: str, says: str) -> None:
    """One line: which, why, and what would do."""
    with pytest.raises(BadSetting) as caught:
        from_environment({f"STOPPRESS_{name}": text})
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_password_in_the_public_address_is_not_repeated() -> None:
    """The line may end in a log."""
    with pytest.raises(BadSetting, match="user or a password") as caught:
        Settings(public_url="https://editor:s3cr3t@a.example")
    assert "s3cr3t" not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "base", "root"),
    [
        ("https://live.example.org", "https://live.example.org", ""),
        ("https://live.example.org/", "https://live.example.org", ""),
        ("http://127.0.0.1:8000", "http://127.0.0.1:8000", ""),
        ("http://[::1]:8000/", "http://[::1]:8000", ""),
        (
            "https://news.example/liveblog/",
            "https://news.example/liveblog",
            "/liveblog",
        ),
        ("https://news.example/a/b.c", "https://news.example/a/b.c", "/a/b.c"),
    ],
)
def test_the_public_address_and_the_path_under_it(
    url: str, base: str, root: str
) -> None:
    """With and without a slash at its end."""
    settings = Settings(public_url=url)
    assert (settings.base, settings.root) == (base, root)


def test_every_limit_says_its_unit_and_what_zero_means() -> None:
    """A number is never bare, and a 0 that may be set never a riddle."""
    for entry in describe():
        about = entry.metadata
        assert about["help"], entry.name
        if isinstance(entry.default, int | float) and entry.name not in (
            "port",
            "workers",
            "demo",
        ):
            assert about["unit"], entry.name
        if isinstance(entry.default, int | float) and about["least"] == 0:
            assert about["zero"], entry.name
        if about["zero"]:
            # So it is allowed.
            from_environment({f"STOPPRESS_{entry.name.upper()}": "0"})


@pytest.mark.parametrize(
    ("settings", "base"),
    [
        (Settings(), "http://127.0.0.1:8000"),
        (Settings(host="0.0.0.0", port=80), "http://127.0.0.1:80"),
        (Settings(host="::"), "http://[::1]:8000"),
        (Settings(host="::1"), "http://[::1]:8000"),
        (Settings(public_url="https://live.example.org/"), "https://live.example.org"),
    ],
)
def test_the_base_is_where_readers_come(settings: Settings, base: str) -> None:
    """An address to listen on is not always one to visit."""
    assert settings.base == base
