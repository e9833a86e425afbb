"""Settings: checked, described, documented."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import Field, fields
from pathlib import Path
from typing import Any

import pytest

from stoppress.setting_variables import (
    describe,
    from_environment,
    variable_of,
    written,
)
from stoppress.settings import BadSetting, Settings

ROOT = Path(__file__).parents[2]
SUFFIXES = {
    "s": ("_s",),
    "ms": ("_ms",),
    "1/s": ("_per_s",),
    "days": ("_days",),
    "hours": ("_hours",),
    "bytes": ("_bytes",),
    "events": ("_events",),
    "feeds": ("_feeds",),
    "readers": ("_readers",),
    "connections": ("_connections",),
    "bytes/s": ("_bytes_per_s",),
    "revisions": ("_revisions",),
    "pixels": ("_pixels",),
    "drafts": ("_drafts",),
}
"""How the name of a setting with that unit ends."""


def test_a_host_of_webhooks_is_checked() -> None:
    """Which one, and what to write instead."""
    with pytest.raises(BadSetting, match="webhook_hosts is invalid: 'http://cms' is"):
        Settings(webhook_hosts="cms, http://cms")
    assert Settings(webhook_hosts="cms,10.0.0.0/8").internal_hosts.has_name("cms", 80)


def test_with_tls_the_site_is_at_https() -> None:
    """Unless `public_url` says otherwise; the redirect has a port of its own."""
    tls = {"tls_cert": "c.pem", "tls_key": "k.pem"}
    settings = Settings(host="::", **tls)  # type: ignore[arg-type]  # all are texts
    assert settings.base == settings.own_address == "https://[::1]:8000"
    public = settings.with_public_url("https://live.example.org")
    assert public.base == "https://live.example.org"
    assert public.own_address == "https://[::1]:8000"
    with pytest.raises(BadSetting, match="it is the port that speaks TLS"):
        Settings(port=80, redirect_port=80, **tls)  # type: ignore[arg-type]  # as above


@pytest.mark.parametrize(
    ("name", "text", "says"),
    [
        ("PORT", "http", "STOPPRESS_PORT='http'"),
        ("PORT", "-1", "port=-1"),
        ("PORT", "65536", "65535"),
        ("REDIRECT_PORT", "65536", "65535"),
        ("REDIRECT_PORT", "80", "needs tls_cert and tls_key"),
        ("TLS_CERT", "c.pem", "tls_cert is set without tls_key"),
        ("TLS_KEY", "k.pem", "tls_key is set without tls_cert"),
        ("WORKERS", "0", "1 or more"),
        ("BEAT_S", "2.5", "STOPPRESS_BEAT_S"),
        ("DRAIN_S", "nan", "drain_s"),
        ("DRAIN_S", "inf", "drain_s"),
        ("DURABILITY", "replicas:0", "replicas:N"),
        ("SHARE", "mail, myspace", "'myspace' is not one of mail, whatsapp"),
        ("DURABILITY", "always", "fsync, memory or replicas:N"),
        ("DEMO", "2", "use true or false"),
        ("DEMO", "", "use true or false"),
        ("PUBLIC_URL", "live.example.org", "must begin with https://"),
        ("PUBLIC_URL", "ftp://live.example.org", "must begin with https://"),
        ("PUBLIC_URL", "//live.example.org", "must begin with https://"),
        ("PUBLIC_URL", "https:///live", "no host"),
        ("PUBLIC_URL", "https://a b.example", "white space"),
        ("PUBLIC_URL", "https://a.example/\n", "white space"),
        ("PUBLIC_URL", "https://ü.example", "xn--"),
        ("PUBLIC_URL", "https://a.example:port", "not an address"),
        ("PUBLIC_URL", "https://a.example:70000", "not an address"),
        ("PUBLIC_URL", "https://[::1", "not an address"),
        ("PUBLIC_URL", "https://a.example/?x=1", "no query"),
        ("PUBLIC_URL", "https://a.example?", "no query"),
        ("PUBLIC_URL", "https://a.example/#top", "no fragment"),
        ("PUBLIC_URL", "https://a.example//live", "its path"),
        ("PUBLIC_URL", "https://a.example/../live", "its path"),
        ("PUBLIC_URL", 'https://a.example/"x', "its path"),
        ("TRUSTED_PROXIES", "10.0.0.0/33", "'10.0.0.0/33' is not a network"),
        ("TRUSTED_PROXIES", "127.0.0.1, proxy", "'proxy' is not a network"),
        ("METRICS_FROM", "localhost", "metrics_from='localhost' is invalid"),
        ("LOG_FORMAT", "xml", "use text or json"),
        ("LIMITS", "yes", "use on or off"),
        ("CALLER_WRITES_PER_S", "-1", "use 0 or more"),
    ],
)
def test_a_bad_setting_is_told_by_name(name: str, text: str, says: str) -> None:
    """One line: which, why, and what would do."""
    with pytest.raises(BadSetting) as caught:
        from_environment({f"STOPPRESS_{name}": text})
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)


NUMBERS = [one for one in fields(Settings) if one.type in ("int", "float")]


@pytest.mark.parametrize("entry", NUMBERS, ids=lambda entry: entry.name)
def test_a_number_beyond_all_use_is_refused(entry: Field[Any]) -> None:
    """A sum of times, or an option of a socket, would fail somewhere later."""
    with pytest.raises(BadSetting, match=rf"^{entry.name}=.* is invalid.*or less$"):
        value: Any = 10**30 if entry.type == "int" else 1e30
        Settings(**{entry.name: value})


def test_a_message_says_value_meaning_and_what_to_use() -> None:
    """As an operator reads it."""
    with pytest.raises(BadSetting) as caught:
        Settings(ring_events=0)
    assert str(caught.value) == (
        "ring_events=0 is invalid (events kept in memory per feed): use 1 or more"
    )
    with pytest.raises(BadSetting) as caught:
        from_environment({"STOPPRESS_BEAT_S": "2.5"})
    assert str(caught.value) == (
        "STOPPRESS_BEAT_S='2.5' is invalid "
        "(time between two heartbeats on a quiet line): use a whole number"
    )


def test_a_name_carries_its_unit() -> None:
    """The value 5 is unambiguous."""
    for entry in describe():
        unit = entry.metadata["unit"]
        if unit:
            assert entry.name.endswith(SUFFIXES[unit]), entry.name


def test_every_setting_is_documented() -> None:
    """docs/settings.md has a row for each, as `stoppress settings` has it."""
    rows = [
        f"| `{variable_of(entry.name)}` | {_code(written(entry.default))} | "
        f"{entry.metadata['unit']} | {_meaning(entry.metadata)} |"
        for entry in describe()
    ]
    text = (ROOT / "docs" / "settings.md").read_text("utf-8")
    assert [row for row in text.splitlines() if row.startswith("| `")] == rows


def _code(text: str) -> str:
    return f"`{text}`" if text else ""


def _meaning(about: Mapping[str, str]) -> str:
    return about["help"] + (f"; 0: {about['zero']}" if about["zero"] else "")


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
        if isinstance(entry.default, bool):
            continue
        if isinstance(entry.default, int | float) and entry.name not in (
            "port",
            "redirect_port",
            "workers",
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


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("", "stoppress_desk"),
        ("http://live.example/blog", "stoppress_desk"),
        ("https://live.example/", "__Host-stoppress_desk"),
        ("https://live.example/blog/", "__Secure-stoppress_desk"),
    ],
)
def test_the_desk_s_cookie_is_as_guarded_as_it_can_be(url: str, name: str) -> None:
    """`__Host-` needs TLS and the whole host, `__Secure-` TLS."""
    assert Settings(public_url=url).desk_cookie == name
