"""The arrival queue: slices of work, a rate, and bounds, on a clock of our own."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from stoppress.web.line import arrival_queue
from stoppress.web.line.arrival_queue import (
    MAX_QUEUED_S,
    PLAIN_PATH_COST_S,
    TURNS_BETWEEN_SLICES,
    ArrivalMetrics,
    ArrivalOutcome,
    ArrivalQueue,
)
from tests.unit.web.line.bare import STREAM, UPGRADE, Raw, raw
from tests.unit.web.line.live_harness import LiveServer, on_every_server, take
from tests.unit.web.line.queue_on_fake_loop import (
    COST_S,
    FakeConnection,
    QueueOnFakeLoop,
)


def _enter_many(
    loop: QueueOnFakeLoop, count: int, is_plain: bool = False
) -> list[FakeConnection]:
    connections = [FakeConnection(loop, number, is_plain) for number in range(count)]
    for connection in connections:
        loop.arrival_queue.enter(connection, 500)
    return connections


def test_few_connections_are_admitted_at_once() -> None:
    loop = QueueOnFakeLoop()
    connections = _enter_many(loop, 3)
    assert loop.admitted == [0, 1, 2]
    assert not any(connection.is_paused for connection in connections)
    assert loop.ledger.waits == 0
    loop.turn()
    assert loop.calls == []


def test_many_connections_are_admitted_in_time_slices_in_order() -> None:
    loop = QueueOnFakeLoop()
    connections = _enter_many(loop, 100)
    first = len(loop.admitted)
    assert 9 <= first <= 11
    assert [connection.is_paused for connection in connections] == [False] * first + [
        True
    ] * (100 - first)
    assert loop.ledger.waits == 100 - first
    slices = []
    while len(loop.arrival_queue):
        slices.append(loop.turn())
    assert loop.admitted == list(range(100))
    assert max(slices) <= 11
    # Between two slices the loop turns without one.
    assert slices.count(0) >= TURNS_BETWEEN_SLICES * (100 // 11 - 1)
    for _ in range(TURNS_BETWEEN_SLICES + 2):
        loop.turn()
    assert loop.calls == []


def test_new_connections_queue_behind_waiting_ones() -> None:
    loop = QueueOnFakeLoop()
    _enter_many(loop, 30)
    late = FakeConnection(loop, 99)
    loop.arrival_queue.enter(late, 500)
    while len(loop.arrival_queue):
        loop.turn()
        if late.number in loop.admitted:
            assert len(loop.admitted) == 31


def test_a_crowd_from_one_address_delays_only_itself() -> None:
    """Addresses take turns."""
    loop = QueueOnFakeLoop()
    for number in range(1000):
        loop.arrival_queue.enter(FakeConnection(loop, number), 500, "10.0.0.1")
    inside = len(loop.admitted)
    others = [FakeConnection(loop, 2000 + n) for n in range(3)]
    for n, other in enumerate(others):
        loop.arrival_queue.enter(other, 500, f"10.0.0.{2 + n // 2}")
    while len(loop.admitted) < inside + 6:
        loop.turn()
    # One of each address, then the second one of another.
    assert loop.admitted[inside : inside + 6] == [
        *(inside, 2000, 2002),
        *(inside + 1, 2001, inside + 2),
    ]
    while len(loop.arrival_queue):
        loop.turn()
    assert len(loop.admitted) == 1003


def test_the_slow_path_counts_with_its_cost() -> None:
    loop = QueueOnFakeLoop()
    _enter_many(loop, 100, is_plain=True)
    assert len(loop.admitted) <= 0.001 / (COST_S + PLAIN_PATH_COST_S) + 1


@pytest.mark.parametrize(("took_s", "at_once"), [(COST_S, 5), (0.01, 1)])
def test_a_cost_that_is_measured_decides_how_many_are_admitted(
    took_s: float, at_once: int
) -> None:
    """What one takes in the next turn: a millisecond's worth are admitted, or one."""
    loop = QueueOnFakeLoop()
    loop.arrival_queue = ArrivalQueue(
        *(loop._later, ArrivalMetrics(loop.ledger), 0, lambda: loop.now),
        measures_cost=True,
        max_pause_s=1.0,
    )
    _enter_many(loop, 1000, is_plain=True)
    counts = []
    for _ in range(50 * (TURNS_BETWEEN_SLICES + 1)):
        counts.append(loop.turn())
        loop.now += took_s * counts[-1]
    last = counts[-TURNS_BETWEEN_SLICES - 1 :]
    assert last.count(0) == TURNS_BETWEEN_SLICES
    assert abs(max(last) - at_once) <= (at_once > 1)


@pytest.mark.parametrize("at_once", [1, 1000])
def test_a_queue_that_rests_has_a_share_of_the_time(at_once: int) -> None:
    """However its connections arrive: many at once, or one each turn of the loop."""
    loop = QueueOnFakeLoop()
    slice_s, rest_s = 3 * COST_S, 0.001
    loop.arrival_queue = ArrivalQueue(
        *(loop._later, ArrivalMetrics(loop.ledger), 0, lambda: loop.now),
        slice_s=slice_s,
        rest_s=rest_s,
    )
    began = loop.now
    for number in range(1000):
        loop.arrival_queue.enter(FakeConnection(loop, number), 500)
        if number % at_once == 0:
            loop.turn()
    while len(loop.arrival_queue):
        loop.turn()
    assert loop.admitted == list(range(1000))
    share = 1000 * COST_S / (loop.now - began)
    assert share <= slice_s / (slice_s + rest_s) * 1.1


@pytest.mark.parametrize("per_second", [5, 200])
def test_a_rate_limit_spreads_admissions(per_second: int) -> None:
    loop = QueueOnFakeLoop(per_second)
    start = loop.now
    _enter_many(loop, 60)
    assert len(loop.admitted) <= max(1, per_second // 10)
    while len(loop.arrival_queue):
        assert loop.calls
        loop.turn()
    lasted = loop.now - start
    alone = 60 - max(1, per_second // 10)
    assert lasted == pytest.approx(alone / per_second, rel=0.1)
    assert loop.admitted == list(range(60))


def test_a_connection_queued_too_long_is_closed() -> None:
    loop = QueueOnFakeLoop(1)
    connections = _enter_many(loop, 40)
    while len(loop.arrival_queue):
        loop.turn()
    assert [
        connection.number for connection in connections if connection.is_cut
    ] == sorted(set(range(40)) - set(loop.admitted))
    assert loop.ledger.outs == 40 - len(loop.admitted) > 0
    assert MAX_QUEUED_S - 1 <= len(loop.admitted) <= MAX_QUEUED_S + 2


def test_the_queue_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(arrival_queue, "MAX_QUEUED", 20)
    loop = QueueOnFakeLoop()
    connections = _enter_many(loop, 50)
    assert len(loop.arrival_queue) == 20
    assert sum(connection.is_cut for connection in connections) == loop.ledger.outs
    assert loop.ledger.outs + 20 + len(loop.admitted) == 50
    monkeypatch.setattr(arrival_queue, "MAX_QUEUED_BYTES", 20 * 500)
    monkeypatch.setattr(arrival_queue, "MAX_QUEUED", 1000)
    more = FakeConnection(loop, 51)
    loop.arrival_queue.enter(more, 1)
    assert more.is_cut


def test_a_failing_admission_does_not_stop_the_queue() -> None:
    class Failing(FakeConnection):
        def admit(self, waited_s: float) -> ArrivalOutcome:
            raise RuntimeError("failed")

    loop = QueueOnFakeLoop()
    _enter_many(loop, 15)
    loop.arrival_queue.enter(Failing(loop, 15), 500)
    loop.arrival_queue.enter(FakeConnection(loop, 16), 500)
    failures = 0
    while len(loop.arrival_queue):
        try:
            loop.turn()
        except RuntimeError:
            failures += 1
    assert failures == 1
    assert loop.admitted == [*range(15), 16]


def test_a_closed_connection_uses_no_slot() -> None:
    """Neither of the rate nor of a slice."""
    loop = QueueOnFakeLoop(1)
    for number in range(500):
        ghost = FakeConnection(loop, number)
        ghost.has_left = number > 0
        loop.arrival_queue.enter(ghost, 500)
    loop.arrival_queue.enter(FakeConnection(loop, 500), 500)
    start = loop.now
    while len(loop.arrival_queue):
        loop.turn()
    assert loop.admitted == [0, 500]
    assert loop.now - start < 3


def test_bytes_are_counted_while_queued(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(arrival_queue, "MAX_QUEUED_BYTES", 3000)
    loop = QueueOnFakeLoop(1)
    loop.arrival_queue.enter(FakeConnection(loop, 0), 500)
    connections = [FakeConnection(loop, number) for number in range(1, 4)]
    places = [loop.arrival_queue.enter(connection, 500) for connection in connections]
    one, two, three = places
    assert one and two and three
    loop.arrival_queue.add_bytes(two, 1500)  # 3000 now
    refused = FakeConnection(loop, 4)
    assert loop.arrival_queue.enter(refused, 1) is None
    assert refused.is_cut
    loop.arrival_queue.leave(two)
    loop.arrival_queue.leave(two)
    assert loop.arrival_queue.enter(FakeConnection(loop, 5), 2000)
    loop.arrival_queue.add_bytes(three, 1)
    assert connections[2].is_cut
    assert loop.ledger.outs == 2
    while len(loop.arrival_queue):
        loop.turn()
    assert loop.admitted == [0, 1, 5]
    assert loop.arrival_queue._queued_bytes == 0


@on_every_server(handshakes_per_s=10)
async def test_a_rate_holds_on_every_transport(live: LiveServer) -> None:
    """All readers are admitted in the end; a poll does not queue."""
    async with live.ws("feed=x") as one, live.ws("feed=x") as two:
        async with live.stream("x") as stream:
            await take(one, 1)
            await take(two, 1)
            await stream.take(1)
    assert (await live.get("/v1/feeds/x/events")).status_code == 200
    assert live.ledger.outs == 0


@pytest.mark.parametrize("patience_s", [0.0, 60.0], ids=["long", "short"])
def test_a_connection_closed_while_queued_is_not_admitted(
    patience_s: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Noticed by a check before admission after a long wait, else by its close."""
    monkeypatch.setattr(arrival_queue, "CHECK_PEER_AFTER_S", patience_s)
    on_every_server()(_who_leaves)("fast_path", "uvloop")


async def _who_leaves(live: LiveServer) -> None:
    async with live.ws("feed=x") as one:
        await take(one, 1)
        live.arrival_queue._rate, live.arrival_queue._tokens = (
            1e-6,
            0.0,
        )  # nobody, for days
        waiting = live.ws("feed=x")
        asking = asyncio.ensure_future(waiting.__aenter__())
        await live.until(lambda: len(live.arrival_queue) == 1)
        asking.cancel()
        await asyncio.gather(asking, return_exceptions=True)
        assert (await live.get("/v1/live")).status_code == 426
        assert len(live.arrival_queue) == 1
        live.arrival_queue._rate = 0
        live.arrival_queue._turn()
        await live.until(lambda: not len(live.arrival_queue))
    await live.until(lambda: live.ledger.here == 0)
    await live.until(lambda: not live.server.server_state.connections)
    # Beside the one that stayed.
    assert live.ledger.came == 1 + (arrival_queue.CHECK_PEER_AFTER_S > 0)


def _shut(live: LiveServer) -> None:
    """Let nobody in for days."""
    live.arrival_queue._rate, live.arrival_queue._tokens = 1e-6, 0.0


def _open_again(live: LiveServer) -> None:
    live.arrival_queue._rate = 0
    live.arrival_queue._turn()


async def _in_pieces(live: LiveServer, client: Raw, request: bytes) -> None:
    """Say the first bytes, and the rest when they have arrived."""
    client.send(request[:9])
    kinds = live.server.server_state.connections
    await live.until(lambda: any(type(one).__name__ == "LiveHttp" for one in kinds))
    client.send(request[9:])


async def _behind_another(live: LiveServer, client: Raw, request: bytes) -> None:
    """Say it on a connection that was used before."""
    client.send(b"GET /v1/live HTTP/1.1\r\nHost: h\r\n\r\n")
    await client.until(b"/v1/feeds/{feed}/events")
    client.send(request)


@pytest.mark.parametrize("say", [_in_pieces, _behind_another])
@pytest.mark.parametrize("request_", [UPGRADE, STREAM], ids=["upgrade", "stream"])
def test_live_requests_of_every_transport_wait_in_the_queue(
    say: Any, request_: bytes
) -> None:
    """No live request passes those that wait."""

    async def scenario(live: LiveServer) -> None:
        _shut(live)
        async with raw(live) as client, raw(live) as impatient:
            await say(live, client, request_)
            await live.until(lambda: len(live.arrival_queue) == 1)
            await say(live, impatient, request_)
            await live.until(lambda: len(live.arrival_queue) == 2)
            assert live.ledger.here == 0
            impatient.writer.transport.abort()
            # Who waits is not read; others are answered meanwhile.
            assert (await live.get("/v1/live")).status_code == 426
            _open_again(live)
            await client.until(b'"hello"')
            live.upstream.publish("x")
            await client.until(b"post.published")
            assert live.ledger.waits == 2
            await live.until(lambda: live.ledger.here == 1)
        await live.until(lambda: not live.server.server_state.connections)
        assert not len(live.arrival_queue)

    on_every_server()(scenario)("fast_path", "uvloop")


@on_every_server()
async def test_a_handshake_with_a_body_is_refused(live: LiveServer) -> None:
    """At once, without reading the body."""
    if live.path == "plain":
        return
    async with raw(live) as client:
        client.send(UPGRADE.replace(b"Upgrade:", b"Content-Length: 3\r\nUpgrade:", 1))
        assert (await client.end()).startswith(b"HTTP/1.1 400")
