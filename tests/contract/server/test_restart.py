"""What a server does when it, its parent, or its Valkey ends: nothing is lost."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import aclosing, contextmanager, suppress
from pathlib import Path
from typing import Any

import httpx
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from stoppress.client.reader import follow
from tests.conftest import Server, started
from tests.contract.server.asking import said
from tests.waiting import wait_until

PATIENCE_S = 60


def children(pid: int) -> list[int]:
    """The processes that `pid` started and that run."""
    text = Path(f"/proc/{pid}/task/{pid}/children").read_text()
    return [int(word) for word in text.split()]


def valkey_of(data: Path) -> int:
    """The process that has the data folder's Valkey lock open and serves."""
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                words = (entry / "cmdline").read_bytes()
            except OSError:
                continue
            if b"valkey-server" in words and str(data).encode() in words:
                return int(entry.name)
    raise AssertionError(f"no Valkey works in {data}")


def is_running(pid: int) -> bool:
    """Whether the process is there, and more than a zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2][0] != "Z"
    except OSError:
        return False


def serve(*arguments: str) -> subprocess.CompletedProcess[str]:
    """`stoppress serve` that is expected to fail."""
    return subprocess.run(
        [sys.executable, "-m", "stoppress", "serve", *arguments],
        capture_output=True,
        text=True,
        timeout=60,
    )


def fails_with_one_line(done: subprocess.CompletedProcess[str]) -> str:
    """Exit code 2, nothing on stdout, one line on stderr."""
    assert (done.returncode, done.stdout) == (2, ""), done
    assert done.stderr.startswith("error: ") and done.stderr.count("\n") == 1
    return done.stderr


# What can't be served


def test_a_taken_port_prints_one_line(tmp_path: Path) -> None:
    """It names the port, and how to choose another."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = str(other.getsockname()[1])
        done = serve("--port", port, "--data", str(tmp_path / "data"))
    assert f"port {port}" in fails_with_one_line(done)
    assert not (tmp_path / "data").exists()


def test_a_data_folder_in_use_prints_one_line(server: Server) -> None:
    """Two servers never work on one folder; the first goes on."""
    done = serve("--port", "0", "--data", str(server.data))
    assert str(server.data) in fails_with_one_line(done)
    assert server.request("GET", "/readyz").status_code == 200


def test_an_old_redis_prints_one_line(tmp_path: Path) -> None:
    """It names the version found and the version needed."""
    with old_redis() as url:
        done = serve("--port", "0", "--redis", url)
    line = fails_with_one_line(done)
    assert "6.2.1" in line and "7.0" in line


@contextmanager
def old_redis() -> Iterator[str]:
    """What a Redis 6.2 answers to INFO; OK to everything else."""
    info = b"redis_version:6.2.1\r\nrole:master\r\n"
    listener = socket.create_server(("127.0.0.1", 0))

    def answer(peer: socket.socket) -> None:
        with peer, peer.makefile("rb") as said:
            while head := said.readline():
                words = []
                for _ in range(int(head[1:])):
                    size = int(said.readline()[1:])
                    words.append(said.read(size + 2)[:-2].upper())
                if words[0] == b"INFO":
                    peer.sendall(b"$%d\r\n%b\r\n" % (len(info), info))
                elif words[0] == b"CONFIG":
                    peer.sendall(b"*0\r\n")
                else:
                    peer.sendall(b"+OK\r\n")

    def accept() -> None:
        with suppress(OSError):
            while True:
                peer, _ = listener.accept()
                threading.Thread(target=answer, args=(peer,), daemon=True).start()

    thread = threading.Thread(target=accept, daemon=True)
    thread.start()
    try:
        yield f"redis://127.0.0.1:{listener.getsockname()[1]}/0"
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join(10)


# What ends


def test_sigterm_ends_the_server_cleanly(tmp_path: Path) -> None:
    """Exit 0, Valkey and workers gone, no error in the log, the port free."""
    with started(tmp_path / "data", "--drain-s", "0.2") as server:
        server.publish(server.new_feed(), "One")
        below, port = children(server.process.pid), server.url.rpartition(":")[2]
        valkey = valkey_of(server.data)
        assert valkey in below and len(below) == 2
        assert server.end() == 0
        assert not any(is_running(pid) for pid in below)
        assert server.log.read_text() == ""
    socket.create_server(("127.0.0.1", int(port))).close()


@pytest.mark.asyncio
async def test_readers_are_closed_before_the_server_ends(tmp_path: Path) -> None:
    """Each gets a retry time, then 4000."""
    with started(tmp_path / "data", "--drain-s", "0.5") as server:
        feed = server.new_feed()
        url = server.url.replace("http", "ws")
        async with (
            asyncio.timeout(PATIENCE_S),
            connect(f"{url}/v1/live?feed={feed}") as one,
            connect(f"{url}/v1/live?feed={feed}") as two,
        ):
            for reader in (one, two):
                assert '"hello"' in str(await reader.recv())
            server.process.terminate()
            for reader in (one, two):
                assert '"bye"' in str(await reader.recv())
                with pytest.raises(ConnectionClosed) as closed:
                    await reader.recv()
                assert closed.value.rcvd is not None
                assert closed.value.rcvd.code == 4000
        assert await asyncio.to_thread(server.end) == 0


@pytest.mark.asyncio
async def test_a_second_signal_ends_the_server_at_once(tmp_path: Path) -> None:
    """However long the drain would last."""
    with started(tmp_path / "data", "--drain-s", "3600") as server:
        feed = server.new_feed()
        url = server.url.replace("http", "ws")
        async with (
            asyncio.timeout(PATIENCE_S),
            connect(f"{url}/v1/live?feed={feed}") as one,
            connect(f"{url}/v1/live?feed={feed}") as two,
        ):
            for reader in (one, two):
                await reader.recv()
            server.process.terminate()
            # The drain has begun once the first is told, and takes an hour.
            reported = [asyncio.create_task(reader.recv()) for reader in (one, two)]
            await asyncio.wait(reported, return_when=asyncio.FIRST_COMPLETED)
            server.process.terminate()
            assert await asyncio.to_thread(server.process.wait, 30) == 0
            await asyncio.wait(reported)
            await asyncio.gather(*reported, return_exceptions=True)


# What comes back


class Reading:
    """A reader that goes on whatever happens to the server."""

    def __init__(self, server: Server, feed: str, since: str | None) -> None:
        self.seen: list[str] = []
        self._server, self._feed, self._since = server, feed, since
        self._moved = asyncio.Event()
        self._task = asyncio.create_task(self._read())

    async def _read(self) -> None:
        messages = follow(self._server.url, self._feed, since=self._since)
        async with aclosing(messages):
            async for message in messages:
                assert message["type"] == "post.published", message
                self.seen.append(said(message["post"]))
                self._moved.set()

    async def until(self, body: str) -> list[str]:
        """All that was read up to the post with this body."""
        async with asyncio.timeout(PATIENCE_S):
            while body not in self.seen:
                assert not self._task.done(), self._task.exception()
                self._moved.clear()
                await self._moved.wait()
        return self.seen

    async def end(self) -> None:
        """Stop reading."""
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)


@pytest.mark.asyncio
async def test_a_killed_server_is_started_again(tmp_path: Path) -> None:
    """kill -9 of the parent: its workers end with it, the next server adopts the
    Valkey left running, at the same port, and a reader has every post once."""
    data = tmp_path / "data"
    options = ("--retry-ms", "200", "--drain-s", "0")
    with started(data, *options) as first:
        feed = first.new_feed()
        start = first.publish(feed, "start")["cursor"]
        reading = Reading(first, feed, start)
        for number in range(5):
            first.publish(feed, f"before {number}")
        await reading.until("before 4")
        below, valkey = children(first.process.pid), valkey_of(data)
        first.process.kill()
        first.process.wait()
        # On this thread nothing reads meanwhile: what is missed is missed.
        again = ("--port", first.url.rpartition(":")[2])
        with started(data, *options, *again) as second:
            assert second.url == first.url
            assert valkey_of(data) == valkey
            assert [pid for pid in below if is_running(pid)] == [valkey]
            for number in range(5):
                second.publish(feed, f"after {number}")
            seen = await reading.until("after 4")
            assert seen == [f"before {n}" for n in range(5)] + [
                f"after {n}" for n in range(5)
            ]
            await reading.end()
            assert await asyncio.to_thread(second.end) == 0
            assert not is_running(valkey)


@pytest.mark.asyncio
async def test_a_killed_valkey_is_started_again(tmp_path: Path) -> None:
    """kill -9 of Valkey: what was acknowledged is kept, readers stay connected, and
    what was not settled is, under the same key."""
    data = tmp_path / "data"
    with started(data, "--drain-s", "0") as server:
        feed = server.new_feed()
        start = server.publish(feed, "start")["cursor"]
        reading = Reading(server, feed, start)
        kept: list[str] = []
        for number in range(60):
            if number % 20 == 10:
                os.kill(valkey_of(data), signal.SIGKILL)
            await asyncio.to_thread(insist, server, feed, f"post {number}")
            kept.append(f"post {number}")
        assert await reading.until("post 59") == kept
        await reading.end()
        held: list[str] = []
        path: str | None = f"/v1/feeds/{feed}/posts?limit=100"
        while path is not None:
            page = server.request("GET", path).json()
            held += [post["body"] for post in page["posts"]]
            path = page["next"]
        assert held == [*reversed(kept), "start"]
        assert server.request("GET", "/readyz").status_code == 200


def insist(server: Server, feed: str, body: str) -> Any:
    """Publish, as an editor would who wants to know: until it is settled."""
    answer: list[httpx.Response] = []

    def is_settled() -> bool:
        """a settled answer to a publish"""
        answer[:] = [
            server.request(
                *("POST", f"/v1/feeds/{feed}/posts", {"body": body}),
                idempotency_key=body,
            )
        ]
        return answer[0].status_code != 503

    wait_until(is_settled)
    assert answer[0].status_code in (200, 201), answer[0].text
    return answer[0].json()


def test_a_server_starts_before_its_redis(tmp_path: Path) -> None:
    """Until Redis answers: alive, not ready, 503; then it recovers by itself."""
    path = tmp_path / "r.sock"
    with started(
        tmp_path / "unused", "--redis", f"unix://{path}", "--drain-s", "0"
    ) as server:
        assert server.request("GET", "/healthz").status_code == 200
        assert server.request("GET", "/readyz").status_code == 503
        refused = server.request("POST", "/v1/feeds", {"slug": "a", "title": "A"})
        assert refused.status_code == 503 and "retry-after" in refused.headers
        redis = subprocess.Popen(
            ["redis-server", "--port", "0", "--unixsocket", str(path)]
            + ["--dir", str(tmp_path), "--appendonly", "yes"]
            + ["--appendfsync", "always", "--save", ""],
            stdout=subprocess.DEVNULL,
        )
        try:

            def is_ready() -> bool:
                """ready, once there is a Redis"""
                return server.request("GET", "/readyz").status_code == 200

            wait_until(is_ready)
            server.publish(server.new_feed(), "One")
            assert server.end() == 0
            assert redis.poll() is None
        finally:
            redis.terminate()
            redis.wait(60)
    assert not (tmp_path / "unused").exists()
