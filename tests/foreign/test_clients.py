"""The matrix: clients that others wrote, through all that may lie between.

Each publishes, edits what it got with the ETag that came with it, and follows; its
line is cut, a post is published while it is, and the line comes back. What it heard
is every event once, in order: nothing is lost, nothing is repeated.

In `make test` each client goes directly, and one of each kind through what splits
segments; `make foreign` (FOREIGN=all) has all of them through everything.
"""

from __future__ import annotations

import json
import os
import queue
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import product
from pathlib import Path
from typing import IO, Any

import pytest

from tests.conftest import Server
from tests.foreign.clients import CLIENTS, Client
from tests.foreign.intermediaries import ALL, OURS, intermediaries, missing, through
from tests.foreign.proxies import NO_SOCKETS
from tests.foreign.raw_socket import RawSocket
from tests.foreign.relay import BackgroundLoop, relayed

ROOT = Path(__file__).parents[2]
PATIENCE_S = 60.0
SPLIT_TOO = {
    "curl HTTP/1.1",
    "node fetch",
    "ws",
    "websocket-client",
    "urllib, long poll",
}
"""Of each kind of reader one, which `make test` sends through what splits too."""
NO_HALF_CLOSING = ("caddy", "caddy-encode", "nginx", "nginx-defaults", "nginx-gzip")
"""These take a client that sends no more for one that left (docs/clients.md)."""
TEXT = "The river is *rising*: “no danger yet”, الماء يرتفع 🌊. " * 20
"""Over 512 bytes, so that what compresses does, and not of ASCII alone."""
EVENTS = ("post.published", "post.updated", "post.withdrawn", "feed.updated", "reset")


def cells() -> Iterator[Any]:
    """The matrix, or a share of it."""
    for client, name in product(CLIENTS, intermediaries() if ALL else OURS):
        if not ALL and name == "splitting" and client.name not in SPLIT_TOO:
            continue
        if client.is_websocket and name in NO_SOCKETS:
            continue
        if client.half_closes and name in NO_HALF_CLOSING:
            continue
        marks = []
        if lacks := client.missing or missing(name):
            marks.append(pytest.mark.skip(reason=f"not here: {lacks}"))
        yield pytest.param(client, name, id=f"{client.name}-{name}", marks=marks)


class RunningClient:
    """A client, run by its driver."""

    def __init__(self, process: subprocess.Popen[str], errors: Path) -> None:
        self._process = process
        self._errors = errors
        self._said: queue.Queue[dict[str, Any] | None] = queue.Queue()
        self.heard: list[dict[str, Any]] = []
        assert process.stdout is not None and process.stdin is not None
        self._input = process.stdin
        self._reader = threading.Thread(target=self._read, args=(process.stdout,))
        self._reader.start()

    def _read(self, output: IO[str]) -> None:
        for line in output:
            self._said.put(json.loads(line))
        self._said.put(None)

    def _next(self) -> dict[str, Any]:
        try:
            said = self._said.get(timeout=PATIENCE_S)
        except queue.Empty:
            said = None
        types = [message["type"] for message in self.heard]
        assert said is not None, f"no more; heard {types}; {self._errors.read_text()}"
        assert "failed" not in said, said
        if "heard" in said:
            self.heard.append(said["heard"])
        return said

    def did(self, verb: str) -> dict[str, Any]:
        """Wait until it did as it was told."""
        while (said := self._next()).get("did") != verb:
            pass
        return said

    def tell(self, *words: str) -> None:
        """Tell it what to do."""
        self._input.write(" ".join(words) + "\n")
        self._input.flush()

    def hears(self, cursor: str) -> None:
        """Wait until it heard the event at this cursor."""
        while all(message.get("cursor") != cursor for message in self.heard):
            self._next()

    def events(self) -> list[tuple[str, str]]:
        """The events it heard, with their cursors."""
        return [(m["type"], m["cursor"]) for m in self.heard if m["type"] in EVENTS]

    def end(self) -> None:
        """End it."""
        self._input.close()
        try:
            self._process.wait(60)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._reader.join()


@contextmanager
def running_client(
    client: Client, base: str, feed: str, token: str, folder: Path
) -> Iterator[RunningClient]:
    """The client, ready to be told."""
    errors = folder / "errors"
    with (
        errors.open("w") as log,
        subprocess.Popen(
            client.command(base, feed, token),
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            encoding="utf-8",
            # Nothing of this machine's lies between.
            env={k: v for k, v in os.environ.items() if "proxy" not in k.lower()}
            | {"LC_ALL": "C.UTF-8", "PYTHONPATH": str(ROOT / "server")},
        ) as process,
    ):
        run = RunningClient(process, errors)
        try:
            run.did("start")
            yield run
        finally:
            run.end()


@pytest.fixture(scope="module")
def loop() -> Iterator[BackgroundLoop]:
    """Where relays and proxies live."""
    made = BackgroundLoop()
    yield made
    made.close()


def test_the_clients_are_many_and_distinct() -> None:
    """Each has a name of its own."""
    assert len(CLIENTS) >= 16
    assert len({client.name for client in CLIENTS}) == len(CLIENTS)


@pytest.mark.parametrize(("client", "by"), list(cells()))
def test_a_client_publishes_edits_and_follows(
    server: Server, loop: BackgroundLoop, tmp_path: Path, client: Client, by: str
) -> None:
    """With a cut in between: each event once, in order."""
    feed = server.new_feed()
    first = server.publish(feed, TEXT)
    with (
        through(by, loop, [server.url], tmp_path) as base,
        relayed(loop, base) as line,
        running_client(client, line.url, feed, server.token, tmp_path) as run,
    ):
        run.tell("follow", first["cursor"])
        if not client.polls:
            run.hears(first["cursor"])
            assert run.heard[0]["type"] == "hello"

        run.tell("publish", json.dumps({"body": TEXT}))
        made = run.did("publish")
        assert made["status"] == 201, made
        own = json.loads(made["answer"])
        run.hears(own["cursor"])

        run.tell("edit", own["post"]["id"], json.dumps({"body": TEXT + "!"}))
        edited = run.did("edit")
        assert edited["status"] == 200, edited

        loop.call(line.cut)
        missed = server.publish(feed, "published while nobody heard")
        loop.call(line.mend)
        run.hears(missed["cursor"])

        last = server.publish(feed, TEXT)
        run.hears(last["cursor"])
        since = f"/v1/feeds/{feed}/events?since={first['cursor']}&wait=0"
        true = server.request("GET", since).json()["events"]
        assert run.events() == [(event["type"], event["cursor"]) for event in true]
        assert all(m["resumed"] for m in run.heard if m["type"] == "hello")


@pytest.mark.parametrize("by", NO_HALF_CLOSING if ALL else ("nginx",))
def test_a_half_closing_client_knows_the_outcome(
    server: Server, loop: BackgroundLoop, tmp_path: Path, by: str
) -> None:
    """Behind proxies that end its connection it gets a whole answer, or no 2xx at all.
    The same request, with the same key and without the half-close, settles it."""
    if lacks := missing(by):
        pytest.skip(f"not here: {lacks}")
    feed = server.new_feed()
    body = b'{"body": "Said once."}'
    with through(by, loop, [server.url], tmp_path) as base:
        host = base.removeprefix("http://")
        request = (
            f"POST /v1/feeds/{feed}/posts HTTP/1.0\r\nHost: {host}\r\n"
            f"Authorization: Bearer {server.token}\r\nIdempotency-Key: once\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        ).encode() + body
        stream = (
            f"GET /v1/feeds/{feed}/events HTTP/1.0\r\nHost: {host}\r\n"
            "Accept: text/event-stream\r\n\r\n"
        ).encode()
        with RawSocket(base) as line:
            line.send(stream)
            line.end_sending()
            line.rest()  # which ends: it knows that it has no line
        with RawSocket(base) as line:
            line.send(request)
            line.end_sending()
            said = line.rest()
        assert b" 20" not in said[:12] or said.endswith(b"}"), said
        with RawSocket(base) as line:
            line.send(request)
            said = line.rest()
        assert said[8:12] in (b" 200", b" 201") and said.endswith(b"}"), said
    events = server.request("GET", f"/v1/feeds/{feed}/posts").json()["posts"]
    assert len(events) == 1
