"""A request's head has a time and a length, on real sockets and a clock of our own."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from stoppress.web.line.head_limits import MIN_CHECK_S, SHARE, HeadLimits, HeadMetrics
from stoppress.web.line.http_protocol import LiveHttp
from tests.unit.web.line.bare import LOOPS, UPGRADE, Raw, raw
from tests.unit.web.line.live_harness import Ledger, LiveServer

WHOLE = b"GET /v1/nothing HTTP/1.1\r\nHost: h\r\n\r\n"
HEAD_S = 30


class Line:
    """Heads on a clock that goes when told; speakers are numbers."""

    def __init__(self, max_s: float = HEAD_S) -> None:
        self.now = 100.0
        self.ledger = Ledger()
        self.calls: list[tuple[float, Callable[[], None]]] = []
        self.closed: list[int] = []
        self.head_limits = HeadLimits(
            self._later, HeadMetrics(self.ledger), max_s, 100, lambda: self.now
        )

    def _later(self, seconds: float, call: Callable[[], None]) -> None:
        self.calls.append((self.now + seconds, call))

    def comes(self, number: int) -> One:
        """A connection."""
        one = One(self, number)
        self.head_limits.begin(one)
        return one

    def goes(self, seconds: float) -> None:
        """Time goes by."""
        end = self.now + seconds
        while due := [call for call in self.calls if call[0] <= end]:
            at, call = min(due, key=lambda one: one[0])
            self.calls.remove((at, call))
            self.now = at
            call()
        self.now = end


class One:
    """Who says nothing."""

    def __init__(self, line: Line, number: int) -> None:
        self.line = line
        self.number = number

    def head_timed_out(self) -> None:
        """Closed."""
        self.line.closed.append(self.number)


def test_each_connection_has_its_own_deadline() -> None:
    """From its accept on; partial input extends nothing; a complete head ends it."""
    line = Line()
    first = line.comes(1)
    line.goes(10)
    second, third = line.comes(2), line.comes(3)
    line.head_limits.begin(first)
    line.head_limits.end(third)
    line.goes(HEAD_S - 10 - MIN_CHECK_S)
    assert line.closed == []
    line.goes(2 * MIN_CHECK_S)
    assert line.closed == [1]
    line.goes(10)
    assert line.closed == [1, 2]
    assert line.ledger.refused_heads == 2
    assert len(line.head_limits) == 0
    line.goes(1000)
    assert line.calls == []
    line.head_limits.begin(second)
    assert len(line.calls) == 1


def test_all_connections_share_one_timer() -> None:
    """However they arrive; it fires at most twice per second."""
    line = Line()
    for number in range(5000):
        line.comes(number)
        line.goes(0.001)
        assert len(line.calls) == 1
    line.goes(HEAD_S + 2 * MIN_CHECK_S)
    assert line.closed == list(range(5000))


def test_one_address_has_a_share_of_the_pending_connections() -> None:
    """What is above it closes the oldest of that address, and no other's."""
    line = Line()
    line.head_limits = HeadLimits(
        *(line._later, HeadMetrics(line.ledger), HEAD_S, 100, lambda: line.now),
        max_pending=3 * SHARE,
    )
    ones = [One(line, number) for number in range(20)]
    line.head_limits.begin(ones[0], "192.0.2.1")
    line.head_limits.begin(ones[1])
    for one in ones[2:7]:
        line.head_limits.begin(one, "192.0.2.2")
    assert line.closed == [2, 3]
    line.head_limits.end(ones[4])
    line.head_limits.begin(ones[7], "192.0.2.2")
    assert line.closed == [2, 3]
    for one in ones[8:19]:  # connections that count by no address, such as a proxy's
        line.head_limits.begin(one)
    assert line.closed == [2, 3, 0, 1, 5, 6]
    for one in ones:
        line.head_limits.end(one)
    assert (len(line.head_limits), line.head_limits._by_address) == (0, {})


def test_0_disables_each_limit() -> None:
    """Time and length."""
    line = Line(0)
    line.comes(1)
    assert len(line.head_limits) == 0 and line.calls == []
    endless = HeadLimits(line._later, HeadMetrics(line.ledger), 0, 0)
    assert not endless.is_too_long(1 << 40)
    assert line.head_limits.is_too_long(101) and not line.head_limits.is_too_long(100)


def over_sockets(test: Callable[[LiveServer], object]) -> None:
    """Run a test on both loops."""

    async def scenario() -> None:
        async with asyncio.timeout(60):
            async with LiveServer("fast_path", max_head_bytes=8192).running() as live:
                await live.create_feeds()
                await test(live)  # type: ignore[misc]  # each is a coroutine

    for loop in LOOPS:
        with asyncio.Runner(loop_factory=loop) as runner:
            runner.run(scenario())


def late(live: LiveServer) -> None:
    """Time goes by, and the timer rings."""
    live.time += live.settings.head_timeout_s + 1
    looks, live.looks = live.looks, []
    for look in looks:
        look()


async def begun(live: LiveServer, one: Raw, said: bytes) -> None:
    """Say something, and wait until it was heard by HTTP, which waits for more."""
    one.send(said)
    await live.until(
        lambda: any(
            isinstance(connection, LiveHttp) for connection in live.head_limits._since
        )
    )


def test_a_silent_connection_is_closed() -> None:
    """Without an answer."""

    async def test(live: LiveServer) -> None:
        async with raw(live) as one:
            await live.until(lambda: len(live.head_limits) == 1)
            late(live)
            assert await one.end() == b""
        assert live.ledger.refused_heads == 1

    over_sockets(test)


def test_a_head_in_endless_pieces_is_408() -> None:
    """Each piece is read, and none extends the deadline."""

    async def test(live: LiveServer) -> None:
        async with raw(live) as one:
            await begun(live, one, b"GET /v1/feeds HTTP/1.1\r\n")
            live.time += live.settings.head_timeout_s - 1
            one.send(b"X-Slow: 1\r\nX-")
            (http,) = live.head_limits._since
            assert isinstance(http, LiveHttp)
            await live.until(lambda: len(http.headers) == 1)
            live.time -= live.settings.head_timeout_s - 1
            late(live)
            assert (await one.end()).startswith(b"HTTP/1.1 408 ")
        assert len(live.head_limits) == 0

    over_sockets(test)


def test_a_head_too_long_is_431() -> None:
    """Long before it is complete."""

    async def test(live: LiveServer) -> None:
        async with raw(live) as one:
            await begun(live, one, b"GET /v1/feeds HTTP/1.1\r\n")
            for number in range(9):
                one.send(b"X-%d: %b\r\n" % (number, b"a" * 1000))
            assert (await one.end()).startswith(b"HTTP/1.1 431 ")
        assert (len(live.head_limits), live.ledger.refused_heads) == (0, 1)

    over_sockets(test)


def test_a_complete_head_ends_the_time_limit() -> None:
    """Also for readers; the next request's limit begins with its first byte."""

    async def test(live: LiveServer) -> None:
        async with raw(live) as one:
            one.send(WHOLE[:20])
            one.send(WHOLE[20:])
            await one.until(b"404 ")
            await live.until(lambda: len(live.head_limits) == 0)
            await begun(live, one, b"\r\n")
            late(live)
            assert b"HTTP/1.1 408 " in await one.end()
        async with raw(live) as reader:
            reader.send(UPGRADE)
            await reader.until(b'"type":"hello"')
            assert len(live.head_limits) == 0

    over_sockets(test)
