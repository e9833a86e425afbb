"""A crowd counts every message, wherever the bytes are cut."""

from __future__ import annotations

import random
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager

import pytest

from stoppress.bench.crowd import Crowd, need_descriptors
from stoppress.bench.plan import MARK, BenchFailed, Plan
from stoppress.bench.target import STOP_PRESS

POSTS = 40


def plan(readers: int = 1) -> Plan:
    """A plan for the server below."""
    return Plan(
        STOP_PRESS, "http://x", "t", "f", readers, POSTS, 0, 300, "websocket", 1, 20
    )


@contextmanager
def answering(*pieces: bytes) -> Iterator[tuple[str, int]]:
    """A server that sends one reader these pieces, each by itself, and hangs up."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer() -> None:
            line, _ = server.accept()
            line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with line:
                line.recv(65_536)
                for piece in pieces:
                    line.sendall(piece)

        thread = threading.Thread(target=answer)
        thread.start()
        yield server.getsockname()
        thread.join(20)


def crowd_at(address: tuple[str, int]) -> closing[Crowd]:
    """One reader of the server at `address`."""
    return closing(Crowd(plan(), address, 1))


HEAD = b"HTTP/1.1 101 Switching Protocols\r\n\r\n" + b'{"type":"hello"}'


def test_every_message_counts_once_wherever_it_is_cut() -> None:
    """Also where a piece ends between the two bytes of the mark."""
    stream = b"".join(b"x^y|" + MARK + b"%d;" % index for index in range(POSTS))
    chance = random.Random(7)
    cuts = sorted(chance.sample(range(1, len(stream)), 60))
    cuts += [stream.index(MARK) + 1]
    cuts = sorted({0, *cuts, len(stream)})
    pieces = [stream[a:b] for a, b in zip(cuts, cuts[1:], strict=False)]
    with answering(HEAD, *pieces) as address, crowd_at(address) as crowd:
        sent = [time.monotonic()] * POSTS
        crowd.enter(time.monotonic() + 20)
        crowd.read_all(POSTS, time.monotonic() + 20)
        assert list(crowd.received.values()) == [POSTS]
        latencies = crowd.latencies(sent)
        assert len(latencies) == POSTS
        assert all(latency >= 0 for latency in latencies)


def test_a_reader_that_is_cut_is_counted_as_lost() -> None:
    """The run does not wait for who can't come back."""
    with answering(HEAD, MARK * 3) as address, crowd_at(address) as crowd:
        crowd.enter(time.monotonic() + 20)
        crowd.read_all(POSTS, time.monotonic() + 20)
        assert crowd.lost == 1


def test_a_refusal_is_told_as_it_came() -> None:
    """Whoever runs it sees what the server said."""
    refusal = b"HTTP/1.1 403 Forbidden\r\n\r\nno"
    with answering(refusal) as address, crowd_at(address) as crowd:
        with pytest.raises(BenchFailed, match="refused: .*403 Forbidden"):
            crowd.enter(time.monotonic() + 20)


def test_nobody_there_is_told() -> None:
    """One line that says where it looked and what to do."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = server.getsockname()
    with crowd_at(address) as crowd:
        with pytest.raises(BenchFailed, match="nobody answers on .* --url"):
            crowd.enter(time.monotonic() + 20)


def test_too_few_descriptors_are_told() -> None:
    """Before anything is opened."""
    with pytest.raises(BenchFailed, match="ulimit"):
        need_descriptors(1 << 40)
