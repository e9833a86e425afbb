"""A live request that HTTP has read already waits in the arrival queue."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest

from stoppress.web.line import queued_live_request
from stoppress.web.line.arrival_queue import ArrivalOutcome, ArrivalQueue
from stoppress.web.line.http_protocol import LiveHttp
from stoppress.web.line.queued_live_request import (
    QUEUED_REQUEST_BYTES,
    QueuedLiveRequest,
)


class Transport:
    """Notes what is done to it."""

    def __init__(self) -> None:
        self.done: list[str] = []

    def __getattr__(self, name: str) -> Any:
        return lambda: self.done.append(name)


class FakeQueue:
    """A queue that admits at once, or makes each request wait."""

    def __init__(self, *, open: bool) -> None:
        self.open = open
        self.calls: list[tuple[str, int]] = []

    def enter(self, waiter: QueuedLiveRequest, size: int, address: str) -> object:
        self.calls.append(("enter", size))
        if self.open:
            waiter.admit(0.0)
            return None
        waiter.pause()
        return "place"

    def add_bytes(self, place: object, size: int) -> None:
        self.calls.append(("add_bytes", size))

    def leave(self, place: object) -> None:
        self.calls.append(("leave", 0))


class Http:
    """The protocol whose request waits."""

    def __init__(self) -> None:
        self.transport = Transport()
        self.server_state = SimpleNamespace(connections=set())
        self.queued_live_request: QueuedLiveRequest | None = None


def entered(queue: FakeQueue) -> tuple[QueuedLiveRequest, Http, list[bytes]]:
    """A request that entered the queue, and the bytes passed on at admission."""
    http = Http()
    went: list[bytes] = []
    waiter = QueuedLiveRequest(
        cast(LiveHttp, http), cast(ArrivalQueue, queue), went.append
    )
    http.queued_live_request = waiter
    waiter.enter()
    return waiter, http, went


def test_an_empty_queue_admits_at_once() -> None:
    """Reading was not paused, so it is not resumed."""
    _, http, went = entered(FakeQueue(open=True))
    assert (
        went == [b""] and http.queued_live_request is None and http.transport.done == []
    )


def test_bytes_received_while_queued_are_passed_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """They were in flight when reading paused; the queue counts them."""
    monkeypatch.setattr(queued_live_request, "has_left", lambda *_: False)
    queue = FakeQueue(open=False)
    waiter, http, went = entered(queue)
    waiter.add_bytes(b"ab")
    waiter.add_bytes(b"c")
    assert waiter.admit(1.0) is ArrivalOutcome.PLAIN
    assert went == [b"abc"] and http.queued_live_request is None
    assert http.transport.done == ["pause_reading", "resume_reading"]
    assert queue.calls == [
        ("enter", QUEUED_REQUEST_BYTES),
        ("add_bytes", 2),
        ("add_bytes", 1),
    ]


def test_a_request_whose_peer_left_is_not_admitted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The next request takes its turn."""
    monkeypatch.setattr(queued_live_request, "has_left", lambda *_: True)
    waiter, http, went = entered(FakeQueue(open=False))
    assert waiter.admit(1.0) is ArrivalOutcome.GONE
    assert went == [] and http.transport.done[-1] == "abort"


def test_a_request_that_leaves_frees_its_place() -> None:
    """A request that is cut off loses its connection."""
    queue = FakeQueue(open=False)
    waiter, http, _ = entered(queue)
    waiter.leave()
    waiter.close()
    assert queue.calls[-1] == ("leave", 0) and http.transport.done[-1] == "abort"
