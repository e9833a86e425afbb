"""What docs/deploy.md says of restoring a back-up, done as it says it."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest
from redis import Redis
from redis.exceptions import RedisError

from tests.conftest import Server
from tests.waiting import wait_until

ROOT = Path(__file__).parents[3]
END_S = 60
Serving = Callable[..., AbstractContextManager[Server]]

pytestmark = pytest.mark.skipif(
    shutil.which("redis-server") is None, reason="redis-server is not installed"
)


@contextmanager
def redis(folder: Path) -> Iterator[Path]:
    """A Redis on a socket, with its data in `folder`."""
    socket = folder / "socket"
    process = subprocess.Popen(
        ["redis-server", "--port", "0", "--unixsocket", str(socket), "--save", ""]
        + ["--dir", str(folder), "--appendonly", "yes", "--appendfsync", "always"],
        stdout=subprocess.DEVNULL,
    )

    def answers() -> bool:
        """Redis answers"""
        try:
            with Redis(unix_socket_path=str(socket)) as client:
                return bool(client.ping())
        except RedisError:
            return False

    try:
        wait_until(answers)
        yield socket
    finally:
        process.terminate()
        process.wait(END_S)


def test_a_restored_copy_begins_a_new_epoch(tmp_path: Path, serving: Serving) -> None:
    """After the documented step, no cursor that readers hold is reused."""
    data, copy = tmp_path / "appendonlydir", tmp_path / "copy"
    with redis(tmp_path) as socket, _serving(serving, tmp_path, socket) as server:
        feed = server.new_feed()
        kept = server.publish(feed, "Kept.")["cursor"]
        shutil.copytree(data, copy)
        lost = server.publish(feed, "Lost.")["cursor"]
    shutil.rmtree(data)
    copy.rename(data)
    with redis(tmp_path) as socket:
        follow_the_docs(tmp_path, socket)
        with _serving(serving, tmp_path, socket) as server:
            begins_anew(server, feed, kept, lost)


def test_a_copied_data_folder_needs_no_restore_step(
    tmp_path: Path, serving: Serving
) -> None:
    """A copy of the embedded store's folder begins a new epoch by itself."""
    data, copy = tmp_path / "data", tmp_path / "copy"
    options = ("--drain-s", "0.5")
    with serving(data, *options) as server:
        feed = server.new_feed()
        kept = server.publish(feed, "Kept.")["cursor"]
    shutil.copytree(data, copy)
    with serving(data, *options) as server:
        lost = server.publish(feed, "Lost.")["cursor"]
    shutil.rmtree(data)
    shutil.copytree(copy, data)
    with serving(data, *options) as server:
        begins_anew(server, feed, kept, lost)


def begins_anew(server: Server, feed: str, kept: str, lost: str) -> None:
    """What was published after the copy is gone, and so is its epoch."""
    snapshot = server.request("GET", f"/v1/feeds/{feed}").json()
    reported = server.request("GET", f"/v1/feeds/{feed}/events?since={lost}").json()
    new = server.publish(feed, "New.")["cursor"]
    assert [post["body"] for post in snapshot["posts"]] == ["Kept."]
    assert reported["reset"] is True
    assert epoch(kept) == epoch(lost) != epoch(new)


def _serving(
    serving: Serving, folder: Path, socket: Path
) -> AbstractContextManager[Server]:
    options = ("--redis", f"unix://{socket}", "--drain-s", "0.5")
    return serving(folder / "hub", *options)


def follow_the_docs(folder: Path, socket: Path) -> None:
    """Run the command of the page, with a redis-cli that knows where Redis is."""
    text = (ROOT / "docs/deploy.md").read_text()
    command = re.search(r"```\n(redis-cli DEL .*)\n```", text)
    assert command is not None
    real = shutil.which("redis-cli")
    wrapper = folder / "redis-cli"
    wrapper.write_text(f'#!/bin/sh\nexec {real} -s {socket} "$@"\n')
    wrapper.chmod(0o755)
    path = f"{folder}:{os.environ['PATH']}"
    subprocess.run(
        ["sh", "-c", command[1]],
        env=os.environ | {"PATH": path},
        check=True,
        timeout=END_S,
        stdout=subprocess.DEVNULL,
    )


def epoch(cursor: str) -> str:
    """The epoch of a cursor."""
    return cursor.rpartition("-")[0]
