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
def test_serve_refuses_it(
    kind: str, settings: tuple[str, ...], remedy: str, tmp_path: Path
) -> None:
    """Exit 2; the line says what to do. Nothing was written there."""
    store = Server(kind, tmp_path / "store", settings)
    store.start()
    try:
        command = [sys.executable, "-m", "stoppress", "serve", "--port", "0"]
        ended = subprocess.run(
            [*command, "--redis", store.url, "--data", str(tmp_path / "data")],
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )
        assert ended.returncode == 2
        (line,) = ended.stderr.strip().splitlines()
        assert line.startswith("error: ")
        assert remedy in line
        with store.client() as client:
            assert client.keys("stoppress:feeds*") == []
    finally:
        store.kill()
