"""`stoppress bench` runs against a real server; its counts are exact."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import Server
from tests.waiting import WITHIN_S, wait_until


def _with_token(server: Server) -> dict[str, str]:
    """The environment of a command: its arguments are there for all to see."""
    return os.environ | {"STOPPRESS_TOKEN": server.token}


def bench(server: Server, *options: str) -> subprocess.CompletedProcess[str]:
    """One run of the command."""
    return subprocess.run(
        [sys.executable, "-m", "stoppress", "bench", "--url", server.url, *options],
        env=_with_token(server),
        capture_output=True,
        text=True,
        timeout=120,
    )


@pytest.mark.parametrize(
    "how", [(), ("--deflate",), ("--transport", "sse")], ids=["plain", "deflate", "sse"]
)
def test_every_delivery_is_counted(server: Server, how: tuple[str, ...]) -> None:
    """Readers × posts, and figures as JSON; the feed is deleted afterwards."""
    options = ("--readers", "60", "--posts", "25", "--json")
    ran = bench(server, *options, "--loaders", "2", "--at-once", "0", *how)
    # On a busy machine the generator may have been the limit: told after the figures.
    assert ran.returncode == 0 or "the generator was the limit" in ran.stderr
    rows = json.loads(ran.stdout)
    assert (rows["readers"], rows["posts"], rows["deliveries"]) == (60, 25, 60 * 25)
    assert rows["deliveries_per_s"] > 0
    assert (rows["bytes_a_delivery"] > 500) == ("--deflate" not in how)
    assert rows["p50_ms"] <= rows["p99_ms"] <= rows["max_ms"]
    assert rows["last_reader_p50_ms"] <= rows["last_reader_p99_ms"]
    feeds = server.request("GET", "/v1/feeds?all=true").text
    assert "bench-" not in feeds


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (("--token", "sp_nobody"), "stoppress token create"),
        (("--url", "http://127.0.0.1:1"), "start a server"),
        (("--url", "https://127.0.0.1:8000"), "--url"),
        (("--readers", "2000000"), "ulimit -n"),
    ],
    ids=["token", "server", "address", "descriptors"],
)
def test_invalid_options_are_one_line(
    server: Server, options: tuple[str, ...], says: str
) -> None:
    """Exit code 2, what to do, and no traceback."""
    ran = bench(server, "--readers", "1", *options)
    assert ran.returncode == 2
    assert ran.stderr.count("\n") == 1
    assert says in ran.stderr


@pytest.mark.usefixtures("without_nohup")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGKILL])
def test_an_ended_run_leaves_no_process(server: Server, number: signal.Signals) -> None:
    """And no feed, unless it was killed."""
    options = ("--readers", "4", "--posts", "9999", "--rate", "5", "--loaders", "2")
    words = (sys.executable, "-m", "stoppress", "bench", "--url", server.url)
    with subprocess.Popen([*words, *options], env=_with_token(server)) as run:
        children = Path(f"/proc/{run.pid}/task/{run.pid}/children")

        def posts() -> bool:
            """The run publishes to its readers."""
            assert run.poll() is None
            return any(
                server.request("GET", f"/v1/feeds/{feed}").json()["posts"]
                for feed in feeds()
            )

        def feeds() -> list[str]:
            found = server.request("GET", "/v1/feeds?all=true").json()["feeds"]
            slugs = [feed["slug"] for feed in found]
            return [slug for slug in slugs if slug.startswith("bench-")]

        try:
            wait_until(posts)
            loaders = children.read_text().split()
            assert len(loaders) >= 2
            run.send_signal(number)
            code = run.wait(WITHIN_S)
        finally:
            run.kill()
    wait_until(lambda: not any(map(_is_running, loaders)))
    if number == signal.SIGKILL:
        for feed in feeds():
            server.request("DELETE", f"/v1/feeds/{feed}")
    else:
        assert (code, feeds()) == (130, [])


def _is_running(pid: str) -> bool:
    """Whether a process has not ended; nobody may have asked how it did."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2][0]
    except OSError:
        return False
    return state not in "ZX"
