"""Readiness of many sockets, on both pollers."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Callable

import pytest

from stoppress.web.line import poll_sockets_with_one_epoll
from stoppress.web.line.poll_sockets_with_one_epoll import (
    DISCONNECTED,
    EVENTS_PER_POLL,
    READABLE,
    WRITABLE,
    EpollPoller,
    LoopPoller,
    SocketPoller,
)
from tests.waiting import until

pytestmark = pytest.mark.asyncio
PATIENCE_S = 60.0

POLLERS = pytest.mark.parametrize(
    "make", [EpollPoller, LoopPoller], ids=["epoll", "loop"]
)
Make = Callable[[asyncio.AbstractEventLoop], SocketPoller]


class Watched:
    """A socket of a pair, and what the poller said of it."""

    def __init__(self, poller: SocketPoller, events: int = READABLE) -> None:
        self.ours, self.peer = socket.socketpair()
        self.ours.setblocking(False)
        self.seen: list[int] = []
        self.poller = poller
        self.fails = False
        self.is_aborted = False
        poller.watch(self.ours.fileno(), self, events)

    def is_ready(self, events: int) -> None:
        """Read what there is."""
        if self.fails:
            raise RuntimeError("on purpose")
        self.seen.append(events)
        if events & READABLE:
            self.ours.recv(100)

    def abort(self) -> None:
        """Close."""
        self.is_aborted = True
        self.close()

    def close(self) -> None:
        """Close both ends."""
        self.poller.forget(self.ours.fileno())
        self.ours.close()
        self.peer.close()


async def turns(count: int = 5) -> None:
    """Let the loop turn."""
    for _ in range(count):
        await asyncio.sleep(0)


@POLLERS
async def test_each_callback_gets_events_of_its_own_socket(make: Make) -> None:
    """And only those it watches for."""
    poller = make(asyncio.get_running_loop())
    one, two = Watched(poller), Watched(poller, 0)
    one.peer.send(b"x")
    two.peer.send(b"x")
    await until(lambda: bool(one.seen), PATIENCE_S)
    assert one.seen == [READABLE] and two.seen == []
    poller.change(two.ours.fileno(), two, READABLE)
    await until(lambda: bool(two.seen), PATIENCE_S)
    poller.change(one.ours.fileno(), one, WRITABLE)
    await until(lambda: WRITABLE in one.seen, PATIENCE_S)
    one.close()
    two.close()
    poller.close()


@POLLERS
async def test_an_exception_ends_only_its_own_socket(
    make: Make, caplog: pytest.LogCaptureFixture
) -> None:
    """It is logged; the others are handled."""
    poller = make(asyncio.get_running_loop())
    bad, good = Watched(poller), Watched(poller)
    bad.fails = True
    with caplog.at_level(logging.ERROR):
        bad.peer.send(b"x")
        good.peer.send(b"x")
        await until(lambda: bad.is_aborted and bool(good.seen), PATIENCE_S)
    assert "on purpose" in caplog.text
    good.close()
    poller.close()


async def test_a_socket_that_watches_for_nothing_is_told_of_a_hang_up() -> None:
    """Otherwise the kernel would report it again in every turn."""
    poller = EpollPoller(asyncio.get_running_loop())
    one = Watched(poller, 0)
    one.peer.close()
    await until(lambda: bool(one.seen), PATIENCE_S)
    assert one.seen[0] & DISCONNECTED
    one.close()
    poller.close()


async def test_one_turn_is_limited_in_time() -> None:
    """The remaining sockets are handled in later turns."""
    now = 0.0

    def clock() -> float:
        nonlocal now
        now += poll_sockets_with_one_epoll.POLL_SLICE_S / 3
        return now

    poller = EpollPoller(asyncio.get_running_loop(), clock)
    many = [Watched(poller) for _ in range(10)]
    for one in many:
        one.peer.send(b"x")
    poller._turn()
    assert 0 < sum(len(one.seen) for one in many) < 10
    await until(lambda: all(one.seen for one in many), PATIENCE_S)
    assert [len(one.seen) for one in many] == [1] * 10
    for one in many:
        one.close()
    assert len(poller) == 0
    poller.close()


async def test_an_event_is_reported_when_it_comes_if_only_changes_are() -> None:
    """Again if its owner asks again, and not as long as it lasts."""
    loop = asyncio.get_running_loop()
    poller = EpollPoller(loop, only_changes=True)
    one = Watched(poller)
    one.peer.send(bytes(150))
    await until(lambda: bool(one.seen), PATIENCE_S)
    for _ in range(3):
        poller._turn()
    assert len(one.seen) == 1
    poller.change(one.ours.fileno(), one, READABLE)
    await until(lambda: len(one.seen) == 2, PATIENCE_S)
    one.close()
    poller.close()


async def test_sockets_left_by_a_slice_are_handled_in_the_next() -> None:
    """The kernel has reported it, and wakes nobody again."""
    now = 0.0

    def clock() -> float:
        nonlocal now
        now += poll_sockets_with_one_epoll.POLL_SLICE_S
        return now

    poller = EpollPoller(asyncio.get_running_loop(), clock, only_changes=True)
    many = [Watched(poller) for _ in range(10)]
    for one in many:
        one.peer.send(b"x")
    await until(lambda: all(one.seen for one in many), PATIENCE_S)
    assert [len(one.seen) for one in many] == [1] * 10
    for one in many:
        one.close()
    poller.close()


async def test_one_turn_fetches_a_bounded_number_of_events() -> None:
    """Thousands of ready sockets make no long list."""
    poller = EpollPoller(asyncio.get_running_loop(), lambda: 0.0)
    many = [Watched(poller) for _ in range(EVENTS_PER_POLL + 5)]
    for one in many:
        one.peer.send(b"x")
    poller._turn()
    assert sum(len(one.seen) for one in many) == EVENTS_PER_POLL
    for one in many:
        one.close()
    poller.close()


async def test_an_event_of_a_socket_closed_in_the_same_turn_is_dropped() -> None:
    """Its descriptor may belong to another connection by then."""
    poller = EpollPoller(asyncio.get_running_loop(), lambda: 0.0)
    one, two = Watched(poller), Watched(poller)

    class Ender(Watched):
        def is_ready(self, events: int) -> None:
            one.close()
            two.close()
            super().is_ready(events)

    ender = Ender(poller)
    # The kernel lists what is ready in the order in which it became so.
    for each in (ender, one, two):
        each.peer.send(b"x")
    poller._turn()
    assert one.seen == two.seen == [] and ender.seen == [READABLE]
    ender.close()
    poller.close()
    poller.close()
