"""`stoppress bench` runs against a real server; its counts are exact."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from tests.conftest import Server


def bench(server: Server, *options: str) -> subprocess.CompletedProcess[str]:
    """One run of the command."""
    return subprocess.run(
        [sys.executable, "-m", "stoppress", "bench", "--url", server.url, *options],
        capture_output=True,
        text=True,
        timeout=120,
    )


@pytest.mark.parametrize("transport", ["websocket", "sse"])
def test_every_delivery_is_counted(server: Server, transport: str) -> None:
    """Readers by posts, and figures for a program; the feed is gone after it."""
    options = ("--token", server.token, "--readers", "60", "--posts", "25", "--json")
    ran = bench(server, *options, "--loaders", "2", "--transport", transport)
    assert ran.returncode == 0, ran.stderr
    rows = json.loads(ran.stdout)
    assert (rows["readers"], rows["posts"]) == (60, 25)
    assert rows["deliveries_per_s"] > 0
    assert rows["bytes_a_delivery"] > 300
    assert rows["p50_ms"] <= rows["p99_ms"] <= rows["max_ms"]
    feeds = server.request("GET", "/v1/feeds?all=true").text
    assert "bench-" not in feeds


def test_a_wrong_token_is_one_line(server: Server) -> None:
    """Exit code 2, and no traceback."""
    ran = bench(server, "--token", "sp_nobody", "--readers", "1")
    assert ran.returncode == 2
    assert ran.stderr.count("\n") == 1
    assert "401" in ran.stderr
