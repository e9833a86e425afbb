"""The npm package in Node: the client follows a real server's feed, without a page."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import END_S, Server

ROOT = Path(__file__).parents[3]

pytestmark = pytest.mark.skipif(
    shutil.which("node") is None, reason="node is not installed"
)


class Follower:
    """A program that follows a feed."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def until(self, **said: object) -> None:
        """Read on until it says just that."""
        assert self._process.stdout is not None
        seen: list[Any] = []
        for line in self._process.stdout:
            seen.append(json.loads(line))
            if seen[-1] == said:
                return
        pytest.fail(f"it ended without {said}: {seen}")

    def end(self) -> int:
        """Ask it to stop; its exit code, once nothing keeps it any more."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        return self._process.wait(END_S)


@contextmanager
def following(folder: Path, server: Server, feed: str, *options: str) -> Iterator[Any]:
    """A program with the package among its modules, as npm would put it there."""
    modules = folder / "node_modules"
    modules.mkdir()
    (modules / "stop-press").symlink_to(ROOT / "client_demo" / "stop-press")
    script = folder / "follow.mjs"
    shutil.copy(ROOT / "tests" / "javascript" / "follow.mjs", script)
    process = subprocess.Popen(
        ["node", "--no-warnings", *options, str(script), server.url, feed],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        yield Follower(process)
    finally:
        process.kill()
        process.wait(END_S)
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                pipe.close()


def has(option: str) -> bool:
    """Whether this node knows an option."""
    tried = subprocess.run(["node", option, "-e", ""], check=False, capture_output=True)
    return tried.returncode == 0


@pytest.mark.parametrize("option", ["--experimental-websocket", ""])
def test_the_client_alone_follows_a_feed(
    tmp_path: Path, server: Server, option: str
) -> None:
    """With and without sockets in Node: all changes, then a clean end."""
    if option and not has(option):
        pytest.skip("this node knows no such option")
    feed = server.new_feed()
    server.publish(feed, "Text", headline="1")
    with following(tmp_path, server, feed, *filter(None, [option])) as follower:
        follower.until(type=None, posts=["1"])
        follower.until(line="live")
        second = server.publish(feed, "Text", headline="2")["post"]
        follower.until(type="post.published", posts=["2", "1"])
        path = f"/v1/feeds/{feed}/posts/{second['id']}"
        server.request("PATCH", path, {"headline": "Two"}, if_match='"1"')
        follower.until(type="post.updated", posts=["Two", "1"])
        server.request("DELETE", path)
        follower.until(type="post.withdrawn", posts=["1"])
        assert follower.end() == 0


def test_an_unknown_feed_ends_the_program(tmp_path: Path, server: Server) -> None:
    """It reports the error, and the process ends."""
    with following(tmp_path, server, "no-such-feed") as follower:
        follower.until(line="gone")
        assert follower.end() == 0
