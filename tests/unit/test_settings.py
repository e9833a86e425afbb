"""Settings: read, checked, handed on, described."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

import pytest

from stoppress.settings import (
    BadSetting,
    Settings,
    describe,
    from_environment,
    to_environment,
    unknown_variables,
    variable_of,
    written,
)

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
}
"""How the name of a setting with that unit ends."""


def test_every_setting_is_read_from_its_variable() -> None:
    """The variable's text becomes the setting's type."""
    settings = from_environment(
        {
            "STOPPRESS_PORT": "9000",
            "STOPPRESS_DATA": "/srv/news",
            "STOPPRESS_DRAIN_S": "2.5",
        }
    )
    wanted = Settings(port=9000, data=Path("/srv/news"), drain_s=2.5)
    assert settings == wanted


def test_what_is_given_wins_over_the_environment() -> None:
    """None means not given."""
    environ = {"STOPPRESS_PORT": "9000", "STOPPRESS_HOST": "::1"}
    settings = from_environment(environ, port=9001, host=None)
    assert (settings.port, settings.host) == (9001, "::1")


def test_settings_survive_the_environment() -> None:
    """What the supervisor has is what its workers get."""
    settings = Settings(port=1, redis="unix:///a b", drain_s=0.1, beat_s=3, demo=True)
    assert from_environment(to_environment(settings)) == settings


@pytest.mark.parametrize(
    ("name", "text", "says"),
    [
        ("PORT", "http", "STOPPRESS_PORT='http'"),
        ("PORT", "-1", "port=-1"),
        ("PORT", "65536", "65535"),
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
        "(time between two signs of life on a quiet line): use a whole number"
    )


@pytest.mark.parametrize("text", ["true", "1", "on", "yes", "True", " YES "])
def test_a_boolean_is_on_by_any_common_word(text: str) -> None:
    """And shown as true."""
    settings = from_environment({"STOPPRESS_DEMO": text})
    assert settings.demo is True
    assert to_environment(settings)["STOPPRESS_DEMO"] == "true"


@pytest.mark.parametrize("text", ["false", "0", "off", "no"])
def test_a_boolean_is_off_by_any_common_word(text: str) -> None:
    """And shown as false."""
    settings = from_environment({"STOPPRESS_DEMO": text})
    assert settings.demo is False
    assert to_environment(settings)["STOPPRESS_DEMO"] == "false"


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("DRAIN_SECONDS", "DRAIN_S"),
        ("BEAT", "BEAT_S"),
        ("RETRY", "RETRY_MS"),
        ("REDIS_TIMEOUT", "REDIS_TIMEOUT_S"),
        ("CHANNEL_IDLE", "CHANNEL_IDLE_S"),
        ("RESET_SPREAD", "RESET_SPREAD_MS"),
        ("MAX_MESSAGE", "MAX_MESSAGE_BYTES"),
        ("SEND_BUFFER", "SEND_BUFFER_BYTES"),
        ("DEAD_PEER", "DEAD_PEER_S"),
        ("HEAD_TIMEOUT", "HEAD_TIMEOUT_S"),
        ("MAX_HEAD", "MAX_HEAD_BYTES"),
        ("MAX_BODY", "MAX_BODY_BYTES"),
        ("OTHERS", "OTHER_FEEDS"),
        ("PUBLIC_ULR", "PUBLIC_URL"),
        ("WORKER", "WORKERS"),
    ],
)
def test_an_unknown_variable_is_told_with_the_nearest(name: str, meant: str) -> None:
    """A misspelt name, or one of an earlier version."""
    (warning,) = unknown_variables({f"STOPPRESS_{name}": "1", "PATH": "/bin"})
    assert warning == (
        f"STOPPRESS_{name} is unknown and has no effect; "
        f"did you mean STOPPRESS_{meant}?"
    )


def test_an_unknown_variable_like_none_is_told_alone() -> None:
    """There is nothing to mean; variables of the commands are known."""
    environ = {f"STOPPRESS_{name}": "x" for name in ("URL", "TOKEN", "HUBS", "QQQ")}
    assert unknown_variables(environ) == ["STOPPRESS_QQQ is unknown and has no effect"]
    assert unknown_variables(to_environment(Settings())) == []


def test_a_name_carries_its_unit() -> None:
    """Whoever writes 5 knows of what."""
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


def test_every_variable_that_is_written_of_is_known() -> None:
    """A renamed setting is renamed in docs, compose file, image and tools too."""
    places = [
        ROOT / "README.md",
        ROOT / "docker-compose.yml",
        *(ROOT / "docs").glob("*.md"),
        *(path for path in (ROOT / "server").iterdir() if path.is_file()),
        *(ROOT / "deploy").iterdir(),
        *(ROOT / "tests" / "bench").glob("*.py"),
        *(ROOT / "tests" / "faults").glob("*.py"),
    ]
    texts = "".join(path.read_text("utf-8") for path in places)
    names = set(re.findall(r"\bSTOPPRESS_[A-Z_]+\b", texts))
    assert len(names) > 10
    assert unknown_variables(dict.fromkeys(names, "")) == []


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
