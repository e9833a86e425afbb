"""Settings as variables: read, handed on, and warned of."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from stoppress.setting_variables import (
    from_environment,
    to_environment,
    unknown_variables,
)
from stoppress.settings import Settings

ROOT = Path(__file__).parents[2]


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


def test_given_settings_win_over_the_environment() -> None:
    """None means not given."""
    environ = {"STOPPRESS_PORT": "9000", "STOPPRESS_HOST": "::1"}
    settings = from_environment(environ, port=9001, host=None)
    assert (settings.port, settings.host) == (9001, "::1")


def test_settings_survive_the_environment() -> None:
    """What the supervisor has is what its workers get."""
    settings = Settings(port=1, redis="unix:///a b", drain_s=0.1, beat_s=3, demo=True)
    assert from_environment(to_environment(settings)) == settings


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


def test_an_unknown_variable_without_a_similar_name_has_no_hint() -> None:
    """There is nothing to mean; variables of the commands are known."""
    environ = {f"STOPPRESS_{name}": "x" for name in ("URL", "TOKEN", "HUBS", "QQQ")}
    assert unknown_variables(environ) == ["STOPPRESS_QQQ is unknown and has no effect"]
    assert unknown_variables(to_environment(Settings())) == []


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
