"""A Redis that would lose the news is refused by `serve` at its start, in one line."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.contract.store.servers import ALWAYS, SAVE_POINTS, Server

EVICTING = (*ALWAYS, "--maxmemory", "100mb", "--maxmemory-policy", "allkeys-lru")


@pytest.mark.parametrize("kind", ["valkey", "redis"])
@pytest.mark.parametrize(
    ("settings", "remedy"),
    [(EVICTING, "set it to noeviction"), (SAVE_POINTS, "set `appendonly yes`")],
    ids=["allkeys-lru", "save-points"],
)
def test_serve_refuses_an_unfit_redis(
    kind: str, settings: tuple[str, ...], remedy: str, tmp_path: Path
) -> None:
    """Exit 2; the line says what to do. Nothing was written there."""
    store = Server(kind, tmp_path / "store", settings)
    store.start()
    try:
        assert remedy in refused(store.url, tmp_path)
        with store.client() as client:
            assert client.keys("stoppress:feeds*") == []
    finally:
        store.kill()


def refused(url: str, folder: Path) -> str:
    """The one line with which `serve` ends there."""
    command = [sys.executable, "-m", "stoppress", "serve", "--port", "0"]
    ended = subprocess.run(
        [*command, "--redis", url, "--data", str(folder / "data")],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ended.returncode == 2
    (line,) = ended.stderr.strip().splitlines()
    assert line.startswith("error: ")
    assert "s3cr3t" not in ended.stderr + ended.stdout
    return line


@pytest.mark.parametrize("kind", ["valkey", "redis"])
def test_serve_refuses_a_user_with_too_few_rights(kind: str, tmp_path: Path) -> None:
    """The line names the missing right and its grant, or the wrong password."""
    store = Server(kind, tmp_path / "store")
    store.start()
    try:
        with store.client() as client:
            rights = (">s3cr3t", "~stoppress:*", "+@all")
            client.execute_command("ACL", "SETUSER", "app", "on", *rights)
        line = refused(f"unix://app:s3cr3t@{store.socket}", tmp_path)
        assert "`ACL SETUSER app +ssubscribe +spublish ~stoppress:* &stop" in line
        line = refused(f"unix://app:s3cr3t!@{store.socket}", tmp_path)
        assert "WRONGPASS" in line
    finally:
        store.kill()


@pytest.mark.parametrize(
    "url",
    [
        "redis://app:s3cr3t/pa#ss@127.0.0.1:1/0",
        "redis://app:s3cr3t@127.0.0.1:one/0",
        "http://app:s3cr3t@127.0.0.1:1/0",
        "redis+sentinel://app:s3cr3t/pa@127.0.0.1:1/news",
        "redis+cluster://app:s3cr3t/pa@127.0.0.1:1",
        "app:s3cr3t@127.0.0.1",
    ],
)
def test_serve_refuses_an_address_without_showing_it(url: str, tmp_path: Path) -> None:
    """One line that names the part."""
    assert "redis=(not shown) is invalid" in refused(url, tmp_path)
