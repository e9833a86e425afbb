"""Requests wait for their turn where many come at once, and each is answered."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest
import uvloop

from stoppress.guard.client_address import Client
from stoppress.guard.limits import Limits
from stoppress.guard.open_connections import OpenConnections
from stoppress.settings import Settings
from stoppress.web.line import queued_ordinary_request
from stoppress.web.line.arrival_queue import ArrivalQueue, QueuedArrival
from stoppress.web.line.http_protocol import LiveHttp
from stoppress.web.line.queued_ordinary_request import QueuedRequest
from tests.unit.web.line.bare import UPGRADE, Raw, raw, taken
from tests.unit.web.line.live_harness import LiveServer

GET = b"GET /v1/live HTTP/1.1\r\nHost: h\r\n\r\n"
"""426: what a WebSocket is for."""
ANSWER = b"HTTP/1.1 426 "
UVLOOP = uvloop.new_event_loop, "fast_path"


def shut(live: LiveServer) -> None:
    """Give nobody a turn for days."""
    for queue in (live.request_queues.crowd, live.request_queues.refused):
        queue._rate, queue._tokens = 1e-6, 0.0


def open_again(live: LiveServer) -> None:
    """Give everybody a turn."""
    for queue in (live.request_queues.crowd, live.request_queues.refused):
        queue._rate = 0
        queue._turn()


@pytest.fixture(autouse=True)
def a_few_are_a_crowd(monkeypatch: pytest.MonkeyPatch) -> None:
    """No connection begins without waiting."""
    monkeypatch.setattr(queued_ordinary_request, "CROWD", -1)


def count_by_address(live: LiveServer) -> None:
    """Count connections by address, as a worker does: first segments wait then."""
    live.server.server_state.connections = cast(Any, OpenConnections(1000))


async def another_request(client: Raw) -> None:
    """Use the connection once, so that the next request is not its first."""
    client.send(GET)
    await client.until(ANSWER)
    await client.until(b"/v1/feeds/{feed}/events")
    client.seen = b""


async def waiting(live: LiveServer, count: int) -> None:
    """Wait until so many requests wait."""
    queues = live.request_queues
    await live.until(lambda: len(queues.crowd) + len(queues.refused) == count)


@pytest.mark.parametrize("first", [True, False], ids=["new", "used"])
@pytest.mark.parametrize("counted", [True, False])
def test_requests_wait_for_their_turn(first: bool, counted: bool) -> None:
    """The first of a connection and later ones; a client that left leaves the queue."""

    async def scenario(live: LiveServer) -> None:
        if counted:
            count_by_address(live)
        async with raw(live) as one, raw(live) as two, raw(live) as gone:
            for client in () if first else (one, two, gone):
                await another_request(client)
            shut(live)
            before = live.ledger.waited_requests
            for client, count in ((one, 1), (two, 2), (gone, 3)):
                client.send(GET)
                await waiting(live, count)
            gone.writer.transport.abort()
            open_again(live)
            for client in (one, two):
                assert (await client.until(ANSWER)).startswith(ANSWER)
        await live.until(lambda: not live.server.server_state.connections)
        assert len(live.request_queues.crowd) == 0
        assert live.ledger.waited_requests == before + 3

    taken(scenario)(*UVLOOP)


@pytest.mark.parametrize("first", [True, False], ids=["new", "used"])
def test_a_client_that_ended_its_side_is_answered(first: bool) -> None:
    """It has said all it wanted (RFC 9112, section 9.6), however long it waits."""

    async def scenario(live: LiveServer) -> None:
        count_by_address(live)
        async with raw(live) as client:
            if not first:
                await another_request(client)
            shut(live)
            client.send(GET)
            client.writer.write_eof()
            await waiting(live, 1)
            open_again(live)
            assert (await client.end()).startswith(ANSWER)

    taken(scenario)(*UVLOOP)


def test_a_body_in_pieces_and_pipelined_requests_wait_too() -> None:
    """All bytes are there in the end, and answers come in the order of requests."""

    async def scenario(live: LiveServer) -> None:
        async with raw(live) as client:
            await another_request(client)
            shut(live)
            client.send(
                b"POST /v1/nothing HTTP/1.1\r\nHost: h\r\n"
                b"Content-Length: 200000\r\n\r\n"
            )
            await waiting(live, 1)
            for _ in range(20):
                client.send(b"x" * 10_000)
            client.send(GET)
            open_again(live)
            told = await client.until(b"HTTP/1.1 ", 2)
            await client.until(ANSWER)
            assert told.startswith(b"HTTP/1.1 404 ")

    taken(scenario)(*UVLOOP)


@pytest.mark.parametrize("counted", [True, False])
def test_only_a_crowd_waits(counted: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever has few connections begins at once, whatever the others do."""

    async def scenario(live: LiveServer) -> None:
        monkeypatch.setattr(queued_ordinary_request, "CROWD", 1)
        if counted:
            count_by_address(live)
        shut(live)
        async with raw(live) as first:
            for _ in range(2):
                await another_request(first)
            if not counted:  # without addresses: while others are in progress or wait
                return
            async with raw(live) as second:
                for client, count in ((second, 1), (first, 2)):
                    client.send(GET)
                    await waiting(live, count)
                open_again(live)
                for client in (first, second):
                    await client.until(ANSWER)

    taken(scenario)(*UVLOOP)


def refuse_often(live: LiveServer, settings: Settings) -> None:
    """Behave as if the clients' address had gone on although it was refused."""
    limits = live.request_queues._limits = Limits(settings)
    for _ in range(100):
        limits.refused(Client("127.0.0.1", "127.0.0.1"))


@pytest.mark.parametrize("first", [True, False], ids=["new", "used"])
def test_an_address_that_is_refused_often_waits(
    first: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Although it has few connections, and in a queue of its own."""
    monkeypatch.setattr(queued_ordinary_request, "CROWD", 100)
    without_debt = Settings(address_requests_per_s=0)

    async def scenario(live: LiveServer) -> None:
        count_by_address(live)
        async with raw(live) as client:
            if not first:
                await another_request(client)
            shut(live)
            refuse_often(live, without_debt)
            client.send(GET)
            await waiting(live, 1)
            assert len(live.request_queues.refused) == 1
            open_again(live)
            await client.until(ANSWER)

    taken(scenario)(*UVLOOP)


@pytest.mark.parametrize("body", [b"", b"x" * 200_000], ids=["none", "large"])
@pytest.mark.parametrize("first", [True, False], ids=["new", "used"])
def test_an_address_in_debt_is_refused_unread(
    first: bool, body: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On connections that it keeps too, which end with the refusal."""
    monkeypatch.setattr(queued_ordinary_request, "CROWD", 100)

    async def scenario(live: LiveServer) -> None:
        count_by_address(live)
        async with raw(live) as client:
            if not first:
                await another_request(client)
            refuse_often(live, Settings(address_requests_per_s=1))
            asked = live.asked
            client.send(
                b"POST /v1/nothing HTTP/1.1\r\nHost: h\r\nContent-Length: %d\r\n\r\n"
                % len(body)
                + body
            )
            told = await client.end()
            assert told.startswith(b"HTTP/1.1 429 ")
            assert b"\r\nRetry-After: 10\r\n" in told
            assert b"\r\nX-Request-ID: " in told
            assert live.asked == asked
        await live.until(lambda: not live.server.server_state.connections)

    taken(scenario)(*UVLOOP)


@pytest.mark.parametrize("behind", [b"NO SUCH THING\r\n\r\n", UPGRADE, GET])
def test_an_address_in_debt_is_told_whatever_stands_behind(
    behind: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A refusal that waits for the answer to a request takes its refusal for it."""
    monkeypatch.setattr(queued_ordinary_request, "CROWD", 100)

    async def scenario(live: LiveServer) -> None:
        count_by_address(live)
        async with raw(live) as client:
            await another_request(client)
            shut(live)
            refuse_often(live, Settings(address_requests_per_s=1))
            client.send(GET + behind)
            await waiting(live, 1)
            open_again(live)
            told = await client.end()
            assert told.startswith(b"HTTP/1.1 429 ") and told.count(b"HTTP/1.1 ") == 1
        await live.until(lambda: not live.server.server_state.connections)

    taken(scenario)(*UVLOOP)


class HeldQueue:
    """A queue that is used up: it notes who enters, by which address."""

    is_free = False

    def __init__(self) -> None:
        self.addresses: list[str] = []

    def enter(self, waiter: QueuedArrival, size: int, address: str) -> None:
        self.addresses.append(address)


@pytest.mark.parametrize(
    ("peer", "address"),
    [("192.0.2.7", "192.0.2.7"), ("10.0.0.1", "198.51.100.4")],
    ids=["a client", "a trusted proxy"],
)
def test_the_turn_is_that_of_the_client(peer: str, address: str) -> None:
    """A proxy's clients take turns among all others."""
    networks = Settings(trusted_proxies="10.0.0.0/8").networks
    connections = OpenConnections(10, networks)
    transport = object()
    connections.enter(cast(Any, transport), (peer, 4711))
    http = SimpleNamespace(
        transport=transport, connections=connections, client=(peer, 4711)
    )
    queue = HeldQueue()
    request = QueuedRequest(
        cast(LiveHttp, http), cast(ArrivalQueue, queue), lambda: None
    )
    request.enter({"headers": [(b"x-forwarded-for", b"198.51.100.4")]})
    assert queue.addresses == [address]


def test_a_request_of_a_closed_connection_is_not_started() -> None:
    """Nobody would read its answer."""
    started: list[str] = []
    transport = SimpleNamespace(is_closing=lambda: True)
    http = SimpleNamespace(transport=transport, queued_request="it")
    request = QueuedRequest(
        cast(LiveHttp, http), cast(Any, None), lambda: started.append("started")
    )
    request.admit(0.0)
    assert (started, http.queued_request) == ([], None)
