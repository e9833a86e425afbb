"""A crowd counts every message, wherever the bytes are cut."""

from __future__ import annotations

import random
import socket
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack, closing

import pytest

from stoppress.bench.many_readers_in_one_process import ReaderCrowd
from stoppress.bench.reader_process import need_descriptors
from stoppress.bench.requests_per_server_kind import STOP_PRESS
from stoppress.bench.run_plan_and_result import (
    MARK,
    STEPS_A_SECOND,
    BenchFailed,
    RunPlan,
)
from stoppress.wire.encode_frames import websocket_deflated, websocket_text
from stoppress.wire.wire_formats import chunk
from tests.ports import reserve_port

POSTS = 40
HEAD = b"HTTP/1.1 101 Switching Protocols\r\n\r\n"
AGREED = HEAD.replace(b"\r\n", b"\r\nX: server_no_context_takeover\r\n", 1)
PLAIN = b"HTTP/1.1 200 OK\r\n\r\n"
CHUNKED = PLAIN.replace(b"\r\n", b"\r\nTransfer-Encoding: chunked\r\n", 1)
HELLO = b'{"type":"hello"}'
NEWS = [
    b"news %b %d; %b" % (MARK, index, b"rain " * (index * 9)) for index in range(POSTS)
]


def plan(address: tuple[str, int], **changes: object) -> RunPlan:
    """A plan for the server at `address`."""
    made = RunPlan(STOP_PRESS, f"http://{address[0]}:{address[1]}", "t", "f", 1, POSTS)
    return made._replace(**changes)  # type: ignore[arg-type]  # a test's own fields


def soon() -> float:
    """A deadline that is never met."""
    return time.monotonic() + 60


class Scripted:
    """A server that says `hello` to each reader, and to reader n, once `go` is set,
    stream n, in pieces that end anywhere."""

    hangs_up = False
    """Whether it ends its side after a stream."""

    def __init__(self, hello: bytes, *streams: bytes) -> None:
        self.go = threading.Event()
        self._hello = hello
        self._streams = streams
        self._server = socket.create_server(("127.0.0.1", 0))
        self.address: tuple[str, int] = self._server.getsockname()
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def _serve(self) -> None:
        lines: list[socket.socket] = []
        for _ in self._streams:
            line, _ = self._server.accept()
            line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            line.recv(65_536)
            line.sendall(self._hello)
            lines.append(line)
        self.go.wait(60)
        for line, stream in zip(lines, self._streams, strict=True):
            chance = random.Random(len(stream))
            while stream:
                cut = chance.randrange(1, 900)
                line.sendall(stream[:cut])
                time.sleep(0)
                stream = stream[cut:]
            if self.hangs_up:
                line.shutdown(socket.SHUT_WR)
        for line in lines:
            line.recv(1)
            line.close()

    def close(self) -> None:
        """Wait until everybody has gone."""
        self.go.set()
        self._thread.join(60)
        self._server.close()


def read(server: Scripted, readers: int, **changes: object) -> ReaderCrowd:
    """A crowd that came in, settled, and read."""
    crowd = ReaderCrowd(plan(server.address, **changes))
    with ExitStack() as stack:
        stack.callback(crowd.close)
        for _ in range(readers):
            crowd.enter(1, soon())
        crowd.settle()
        server.go.set()
        crowd.read(soon())
        stack.pop_all()
    return crowd


@pytest.mark.parametrize(
    ("head", "frame", "changes"),
    [
        (HEAD, websocket_text, {}),
        (AGREED, websocket_deflated, {"deflate": True}),
        (CHUNKED, chunk, {"transport": "sse"}),
        (PLAIN, b"data: %b\n\n".__mod__, {"transport": "sse"}),
    ],
    ids=["websocket", "deflate", "chunks", "stream"],
)
def test_every_message_counts_once_wherever_it_is_cut(
    head: bytes, frame: Callable[[bytes], bytes], changes: dict[str, object]
) -> None:
    """Also what is no post: it is read, and not counted."""
    stream = b"".join(frame(news) + frame(b"beat") for news in NEWS[:-1])
    stream += frame(NEWS[-1])
    sent = [time.monotonic() - 1] * POSTS
    with closing(Scripted(head + frame(HELLO), stream, stream, stream)) as server:
        with closing(read(server, 3, **changes)) as crowd:
            crowd.check()
            delays, lasts = crowd.tally(sent)
            assert delays.total() == 3 * POSTS
            assert min(delays) >= STEPS_A_SECOND
            assert len(lasts) == POSTS and min(lasts) >= 1
            assert crowd.received == 3 * len(stream)


def test_a_reader_with_other_bytes_than_the_witness_fails_the_run() -> None:
    """A message more, as after a beat, makes the counts worthless."""
    stream = b"".join(map(websocket_text, NEWS))
    more = websocket_text(b"beat") + stream
    with closing(Scripted(HEAD + websocket_text(HELLO), stream, more)) as server:
        with closing(read(server, 2)) as crowd:
            with pytest.raises(BenchFailed, match="1 of 2 readers did not get"):
                crowd.check()


def test_a_post_out_of_its_order_is_told() -> None:
    """The witness reads the numbers."""
    stream = websocket_text(NEWS[0]) + websocket_text(NEWS[2])
    with closing(Scripted(HEAD + websocket_text(HELLO), stream)) as server:
        with pytest.raises(BenchFailed, match="expected post 1"):
            read(server, 1)


def test_a_reader_that_is_cut_ends_the_run() -> None:
    """The run does not wait for who can't come back."""
    server = Scripted(HEAD + websocket_text(HELLO), websocket_text(NEWS[0]))
    server.hangs_up = True
    with closing(server), closing(read(server, 1)) as crowd:
        with pytest.raises(BenchFailed, match="the server disconnected 1 readers"):
            crowd.check()


def test_a_compression_that_differs_by_reader_can_not_be_counted() -> None:
    """It would need every reader's own context."""
    with closing(Scripted(HEAD + websocket_text(HELLO), b"")) as server:
        with pytest.raises(BenchFailed, match="leave out --deflate"):
            read(server, 1, deflate=True)


def test_a_refusal_is_told_as_it_came() -> None:
    """The error has the answer of the server."""
    with closing(Scripted(b"HTTP/1.1 403 Forbidden\r\n\r\nno", b"")) as server:
        with pytest.raises(BenchFailed, match="refused: .*403 Forbidden"):
            read(server, 1)


def test_a_server_that_does_not_answer_is_reported() -> None:
    """One line that says where it looked and what to do."""
    with closing(ReaderCrowd(plan(("127.0.0.1", reserve_port())))) as crowd:
        with pytest.raises(BenchFailed, match="no server answers on .* --url"):
            crowd.enter(1, soon())


def test_a_crowd_has_as_many_loopback_addresses_as_it_needs(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """One address has ports for some thousands only."""
    monkeypatch.setattr("stoppress.bench.many_readers_in_one_process._A_SOURCE", 2)
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(60)
        with closing(ReaderCrowd(plan(server.getsockname()))) as crowd:
            with pytest.raises(BenchFailed, match="0 of 5 readers connected in time"):
                crowd.enter(5, time.monotonic())
            came = [server.accept() for _ in range(5)]
            for line, _ in came:
                line.close()
    sources = [address[0] for _, address in came]
    assert sorted(sources) == ["127.0.0.1"] * 2 + ["127.0.0.2"] * 2 + ["127.0.0.3"]


def test_too_few_descriptors_are_told() -> None:
    """Before anything is opened."""
    with pytest.raises(BenchFailed, match="ulimit"):
        need_descriptors(1 << 40)


@pytest.mark.parametrize(
    "url", ["", "x", "https://x", "http://", "http://x:y", "http://x/sub"]
)
def test_an_address_that_can_not_be_loaded_is_told(url: str) -> None:
    """TLS and paths belong to what stands in front of a server."""
    with pytest.raises(BenchFailed, match="--url"):
        _ = plan(("x", 1), url=url).address
