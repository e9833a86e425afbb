"""What a server says of itself decides whether it is taken, and what is waited for."""

from __future__ import annotations

import pytest

from stoppress.log.redis_server_checks import (
    ServerInfo,
    UnfitServer,
    confirmation,
    is_sure,
)
from stoppress.settings import Settings

SURE = {
    "appendonly": "yes",
    "appendfsync": "always",
    "no-appendfsync-on-rewrite": "no",
    "maxmemory": "0",
    "maxmemory-policy": "noeviction",
}
GOOD = ServerInfo((7, 0, 15), False, False, True, SURE)


@pytest.mark.parametrize("version", [(6, 2, 14), (5, 0, 0)])
def test_too_old(version: tuple[int, ...]) -> None:
    """Sharded pub/sub came with 7.0. Valkey has it from the start."""
    with pytest.raises(UnfitServer, match="is too old"):
        confirmation(GOOD._replace(version=version), Settings())
    confirmation(GOOD._replace(version=version, is_valkey=True), Settings())


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("appendonly", "no"),
        ("appendfsync", "everysec"),
        ("no-appendfsync-on-rewrite", "yes"),
    ],
)
def test_each_setting_of_durability_is_checked(name: str, value: str) -> None:
    """An fsync left out while the log is rewritten is left out."""
    assert is_sure(SURE)
    assert not is_sure(SURE | {name: value})
    assert not is_sure({key: one for key, one in SURE.items() if key != name})


def test_the_durability_setting_decides_the_wait_command() -> None:
    """By what was asked for and what the server can do."""
    assert confirmation(GOOD, Settings()).sure
    everysec = GOOD._replace(config=SURE | {"appendfsync": "everysec"})
    with pytest.raises(UnfitServer):
        confirmation(everysec, Settings())
    newer = everysec._replace(version=(7, 2, 4))
    assert confirmation(newer, Settings()).command[:3] == ("WAITAOF", 1, 0)
    with pytest.raises(UnfitServer):
        confirmation(newer._replace(has_aof=False), Settings())
    some = confirmation(everysec, Settings(durability="replicas:2"))
    assert (some.command[:2], some.at_least) == (("WAIT", 2), 2)
    assert confirmation(everysec, Settings(durability="memory")).command == ()


def test_settings_that_are_hidden(caplog: pytest.LogCaptureFixture) -> None:
    """What can be waited for is; else a warning says what is not known."""
    hidden = GOOD._replace(config={})
    assert confirmation(hidden, Settings()).command == ()
    assert "unknown" in caplog.text
    newer = hidden._replace(version=(8, 0))
    assert confirmation(newer, Settings()).command[0] == "WAITAOF"
