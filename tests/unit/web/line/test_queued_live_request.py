"""A live line that HTTP has read already, and that stands at the gate."""

from __future__ import annotations

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


class Turnstile:
    """A gate that lets in at once, or has all wait."""

    def __init__(self, *, open: bool) -> None:
        self.open = open
        self.told: list[tuple[str, int]] = []

    def enter(self, waiter: QueuedLiveRequest, size: int) -> object:
        self.told.append(("come", size))
        if self.open:
            waiter.admit(0.0)
            return None
        waiter.pause()
        return "place"

    def add_bytes(self, place: object, size: int) -> None:
        self.told.append(("say", size))

    def leave(self, place: object) -> None:
        self.told.append(("leave", 0))


class Http:
    """The protocol whose request waits."""

    def __init__(self) -> None:
        self.transport = Transport()
        self.queued_live_request: QueuedLiveRequest | None = None


def come(gate: Turnstile) -> tuple[QueuedLiveRequest, Http, list[bytes]]:
    """A request that has come to the gate; with what it went on."""
    http = Http()
    went: list[bytes] = []
    waiter = QueuedLiveRequest(
        cast(LiveHttp, http), cast(ArrivalQueue, gate), went.append
    )
    http.queued_live_request = waiter
    waiter.enter()
    return waiter, http, went


def test_where_nobody_waits_it_goes_on_at_once() -> None:
    """Nothing was stopped, and nothing is begun again."""
    _, http, went = come(Turnstile(open=True))
    assert (
        went == [b""] and http.queued_live_request is None and http.transport.done == []
    )


def test_bytes_received_while_queued_are_passed_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It was on its way when reading stopped; the gate counts it."""
    monkeypatch.setattr(queued_live_request, "has_left", lambda *_: False)
    gate = Turnstile(open=False)
    waiter, http, went = come(gate)
    waiter.add_bytes(b"ab")
    waiter.add_bytes(b"c")
    assert waiter.admit(1.0) is ArrivalOutcome.PLAIN
    assert went == [b"abc"] and http.queued_live_request is None
    assert http.transport.done == ["pause_reading", "resume_reading"]
    assert gate.told == [("come", QUEUED_REQUEST_BYTES), ("say", 2), ("say", 1)]


def test_a_request_whose_peer_left_is_not_admitted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The turn is the next one's."""
    monkeypatch.setattr(queued_live_request, "has_left", lambda *_: True)
    waiter, http, went = come(Turnstile(open=False))
    assert waiter.admit(1.0) is ArrivalOutcome.GONE
    assert went == [] and http.transport.done[-1] == "abort"


def test_a_request_that_leaves_frees_its_place() -> None:
    """And who is cut loses the connection."""
    gate = Turnstile(open=False)
    waiter, http, _ = come(gate)
    waiter.leave()
    waiter.close()
    assert gate.told[-1] == ("leave", 0) and http.transport.done[-1] == "abort"
