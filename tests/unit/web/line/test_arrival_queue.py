"""The arrival queue: slices of work, a rate, and bounds, on a clock of our own."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
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
from tests.unit.web.line.live_harness import Ledger, Liveroom, on_every_server, take

COST_S = 0.0001
"""What it takes to let one in here: ten fill a slice."""


class House:
    """An arrival queue on a loop that turns when told."""

    def __init__(self, per_second: int = 0) -> None:
        self.now = 100.0
        self.ledger = Ledger()
        self.calls: list[tuple[float, Callable[[], None]]] = []
        self.inside: list[int] = []
        self.arrival_queue = ArrivalQueue(
            self._later, ArrivalMetrics(self.ledger), per_second, lambda: self.now
        )

    def _later(self, seconds: float, call: Callable[[], None]) -> None:
        self.calls.append((self.now + seconds, call))

    def turn(self) -> int:
        """One turn of the loop, at once if something is due; how many came in."""
        before = len(self.inside)
        self.now = max(self.now, min((at for at, _ in self.calls), default=self.now))
        due = [call for at, call in self.calls if at <= self.now]
        self.calls = [entry for entry in self.calls if entry[0] > self.now]
        for call in due:
            call()
        return len(self.inside) - before


class Guest:
    """Who comes to a House."""

    def __init__(self, house: House, number: int, is_plain: bool = False) -> None:
        self.house = house
        self.number = number
        self.is_plain = is_plain
        self.is_paused = False
        self.is_cut = False
        self.has_left = False

    def pause(self) -> None:
        """Read no more."""
        self.is_paused = True

    def admit(self, waited_s: float) -> ArrivalOutcome:
        """Go in; it takes a while."""
        if self.has_left:
            return ArrivalOutcome.GONE
        self.house.inside.append(self.number)
        self.house.now += COST_S
        return ArrivalOutcome.PLAIN if self.is_plain else ArrivalOutcome.WHOLE

    def close(self) -> None:
        """Closed."""
        self.is_cut = True


def _crowd(house: House, count: int, is_plain: bool = False) -> list[Guest]:
    guests = [Guest(house, number, is_plain) for number in range(count)]
    for guest in guests:
        house.arrival_queue.enter(guest, 500)
    return guests


def test_a_few_come_in_as_they_are() -> None:
    house = House()
    guests = _crowd(house, 3)
    assert house.inside == [0, 1, 2]
    assert not any(guest.is_paused for guest in guests)
    assert house.ledger.waits == 0
    house.turn()
    assert house.calls == []


def test_a_crowd_comes_in_slices_in_its_order() -> None:
    house = House()
    guests = _crowd(house, 100)
    first = len(house.inside)
    assert 9 <= first <= 11
    assert [guest.is_paused for guest in guests] == [False] * first + [True] * (
        100 - first
    )
    assert house.ledger.waits == 100 - first
    slices = []
    while len(house.arrival_queue):
        slices.append(house.turn())
    assert house.inside == list(range(100))
    assert max(slices) <= 11
    # Between two slices the loop turns without one.
    assert slices.count(0) >= TURNS_BETWEEN_SLICES * (100 // 11 - 1)
    for _ in range(TURNS_BETWEEN_SLICES + 2):
        house.turn()
    assert house.calls == []


def test_while_some_wait_nobody_passes_them() -> None:
    house = House()
    _crowd(house, 30)
    late = Guest(house, 99)
    house.arrival_queue.enter(late, 500)
    while len(house.arrival_queue):
        house.turn()
        if late.number in house.inside:
            assert len(house.inside) == 31


def test_the_plain_path_counts_for_what_it_will_cost() -> None:
    house = House()
    _crowd(house, 100, is_plain=True)
    assert len(house.inside) <= 0.001 / (COST_S + PLAIN_PATH_COST_S) + 1


@pytest.mark.parametrize("per_second", [5, 200])
def test_a_rate_spreads_them(per_second: int) -> None:
    house = House(per_second)
    start = house.now
    _crowd(house, 60)
    assert len(house.inside) <= max(1, per_second // 10)
    while len(house.arrival_queue):
        assert house.calls
        house.turn()
    lasted = house.now - start
    alone = 60 - max(1, per_second // 10)
    assert lasted == pytest.approx(alone / per_second, rel=0.1)
    assert house.inside == list(range(60))


def test_a_connection_queued_too_long_is_closed() -> None:
    house = House(1)
    guests = _crowd(house, 40)
    while len(house.arrival_queue):
        house.turn()
    assert [guest.number for guest in guests if guest.is_cut] == sorted(
        set(range(40)) - set(house.inside)
    )
    assert house.ledger.outs == 40 - len(house.inside) > 0
    assert MAX_QUEUED_S - 1 <= len(house.inside) <= MAX_QUEUED_S + 2


def test_what_waits_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(arrival_queue, "MAX_QUEUED", 20)
    house = House()
    guests = _crowd(house, 50)
    assert len(house.arrival_queue) == 20
    assert sum(guest.is_cut for guest in guests) == house.ledger.outs
    assert house.ledger.outs + 20 + len(house.inside) == 50
    monkeypatch.setattr(arrival_queue, "MAX_QUEUED_BYTES", 20 * 500)
    monkeypatch.setattr(arrival_queue, "MAX_QUEUED", 1000)
    more = Guest(house, 51)
    house.arrival_queue.enter(more, 1)
    assert more.is_cut


def test_a_failure_inside_does_not_shut_the_gate() -> None:
    class Clumsy(Guest):
        def admit(self, waited_s: float) -> ArrivalOutcome:
            raise RuntimeError("stumbled")

    house = House()
    _crowd(house, 15)
    house.arrival_queue.enter(Clumsy(house, 15), 500)
    house.arrival_queue.enter(Guest(house, 16), 500)
    stumbles = 0
    while len(house.arrival_queue):
        try:
            house.turn()
        except RuntimeError:
            stumbles += 1
    assert stumbles == 1
    assert house.inside == [*range(15), 16]


def test_a_closed_connection_uses_no_place() -> None:
    """Neither of the rate nor of a slice."""
    house = House(1)
    for number in range(500):
        ghost = Guest(house, number)
        ghost.has_left = number > 0
        house.arrival_queue.enter(ghost, 500)
    house.arrival_queue.enter(Guest(house, 500), 500)
    start = house.now
    while len(house.arrival_queue):
        house.turn()
    assert house.inside == [0, 500]
    assert house.now - start < 3


def test_bytes_are_counted_for_as_long_as_they_are_held(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(arrival_queue, "MAX_QUEUED_BYTES", 3000)
    house = House(1)
    house.arrival_queue.enter(Guest(house, 0), 500)
    guests = [Guest(house, number) for number in range(1, 4)]
    places = [house.arrival_queue.enter(guest, 500) for guest in guests]
    one, two, three = places
    assert one and two and three
    house.arrival_queue.add_bytes(two, 1500)  # 3000 now
    refused = Guest(house, 4)
    assert house.arrival_queue.enter(refused, 1) is None
    assert refused.is_cut
    house.arrival_queue.leave(two)
    house.arrival_queue.leave(two)
    assert house.arrival_queue.enter(Guest(house, 5), 2000)
    house.arrival_queue.add_bytes(three, 1)
    assert guests[2].is_cut
    assert house.ledger.outs == 2
    while len(house.arrival_queue):
        house.turn()
    assert house.inside == [0, 1, 5]
    assert house.arrival_queue._queued_bytes == 0


@on_every_server(handshakes_per_s=10)
async def test_a_rate_holds_on_every_transport(room: Liveroom) -> None:
    """Whether they must wait or not, all come in; a poll does not stand in line."""
    async with room.ws("feed=x") as one, room.ws("feed=x") as two:
        async with room.stream("x") as stream:
            await take(one, 1)
            await take(two, 1)
            await stream.take(1)
    assert (await room.get("/v1/feeds/x/events")).status_code == 200
    assert room.ledger.outs == 0


@pytest.mark.parametrize("patience_s", [0.0, 60.0], ids=["long", "short"])
def test_a_connection_closed_while_queued_is_not_admitted(
    patience_s: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Found out before it is let in after a long wait, and by its end after a short."""
    monkeypatch.setattr(arrival_queue, "CHECK_PEER_AFTER_S", patience_s)
    on_every_server()(_who_leaves)("fast_path", "uvloop")


async def _who_leaves(room: Liveroom) -> None:
    async with room.ws("feed=x") as one:
        await take(one, 1)
        room.arrival_queue._rate, room.arrival_queue._tokens = (
            1e-6,
            0.0,
        )  # nobody, for days
        waiting = room.ws("feed=x")
        asking = asyncio.ensure_future(waiting.__aenter__())
        await room.until(lambda: len(room.arrival_queue) == 1)
        asking.cancel()
        await asyncio.gather(asking, return_exceptions=True)
        assert (await room.get("/v1/live")).status_code == 426
        assert len(room.arrival_queue) == 1
        room.arrival_queue._rate = 0
        room.arrival_queue._turn()
        await room.until(lambda: not len(room.arrival_queue))
    await room.until(lambda: room.ledger.here == 0)
    await room.until(lambda: not room.server.server_state.connections)
    # Beside the one that stayed.
    assert room.ledger.came == 1 + (arrival_queue.CHECK_PEER_AFTER_S > 0)


def _shut(room: Liveroom) -> None:
    """Let nobody in for days."""
    room.arrival_queue._rate, room.arrival_queue._tokens = 1e-6, 0.0


def _open_again(room: Liveroom) -> None:
    room.arrival_queue._rate = 0
    room.arrival_queue._turn()


async def _in_pieces(room: Liveroom, client: Raw, request: bytes) -> None:
    """Say the first bytes, and the rest when they have arrived."""
    client.send(request[:9])
    kinds = room.server.server_state.connections
    await room.until(lambda: any(type(one).__name__ == "LiveHttp" for one in kinds))
    client.send(request[9:])


async def _behind_another(room: Liveroom, client: Raw, request: bytes) -> None:
    """Say it on a connection that was used before."""
    client.send(b"GET /v1/live HTTP/1.1\r\nHost: h\r\n\r\n")
    await client.until(b"/v1/feeds/{feed}/events")
    client.send(request)


@pytest.mark.parametrize("say", [_in_pieces, _behind_another])
@pytest.mark.parametrize("request_", [UPGRADE, STREAM], ids=["upgrade", "stream"])
def test_every_live_line_stands_at_the_gate(say: Any, request_: bytes) -> None:
    """However it is asked for: nobody passes those who wait."""

    async def scenario(room: Liveroom) -> None:
        _shut(room)
        async with raw(room) as client, raw(room) as impatient:
            await say(room, client, request_)
            await room.until(lambda: len(room.arrival_queue) == 1)
            await say(room, impatient, request_)
            await room.until(lambda: len(room.arrival_queue) == 2)
            assert room.ledger.here == 0
            impatient.writer.transport.abort()
            # Who waits is not read; others are answered meanwhile.
            assert (await room.get("/v1/live")).status_code == 426
            _open_again(room)
            await client.until(b'"hello"')
            room.paper.publish("x")
            await client.until(b"post.published")
            assert room.ledger.waits == 2
            await room.until(lambda: room.ledger.here == 1)
        await room.until(lambda: not room.server.server_state.connections)
        assert not len(room.arrival_queue)

    on_every_server()(scenario)("fast_path", "uvloop")


@on_every_server()
async def test_a_handshake_with_a_body_is_refused(room: Liveroom) -> None:
    """At once: nobody waits for the body."""
    if room.path == "plain":
        return
    async with raw(room) as client:
        client.send(UPGRADE.replace(b"Upgrade:", b"Content-Length: 3\r\nUpgrade:", 1))
        assert (await client.end()).startswith(b"HTTP/1.1 400")
