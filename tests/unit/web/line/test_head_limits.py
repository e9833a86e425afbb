"""A request's head has a time and a length, on real sockets and a clock of our own."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from stoppress.web.line.head_limits import MIN_CHECK_S, HeadLimits, HeadMetrics
from stoppress.web.line.http_protocol import LiveHttp
from tests.unit.web.line.bare import LOOPS, UPGRADE, Raw, raw
from tests.unit.web.line.live_harness import Ledger, Liveroom

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


def test_each_has_its_time() -> None:
    """From when it came; saying a bit is nothing; who said it all is let go of."""
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


def test_thousands_have_one_timer() -> None:
    """However they come; it rings twice a second at most."""
    line = Line()
    for number in range(5000):
        line.comes(number)
        line.goes(0.001)
        assert len(line.calls) == 1
    line.goes(HEAD_S + 2 * MIN_CHECK_S)
    assert line.closed == list(range(5000))


def test_0_is_without_a_bound() -> None:
    """Of either."""
    line = Line(0)
    line.comes(1)
    assert len(line.head_limits) == 0 and line.calls == []
    endless = HeadLimits(line._later, HeadMetrics(line.ledger), 0, 0)
    assert not endless.is_too_long(1 << 40)
    assert line.head_limits.is_too_long(101) and not line.head_limits.is_too_long(100)


def over_sockets(test: Callable[[Liveroom], object]) -> None:
    """Run a test on both loops."""

    async def scenario() -> None:
        async with asyncio.timeout(60):
            async with Liveroom("fast_path", max_head_bytes=8192).running() as room:
                await room.furnish()
                await test(room)  # type: ignore[misc]  # each is a coroutine

    for loop in LOOPS:
        with asyncio.Runner(loop_factory=loop) as runner:
            runner.run(scenario())


def late(room: Liveroom) -> None:
    """Time goes by, and the timer rings."""
    room.time += room.settings.head_timeout_s + 1
    looks, room.looks = room.looks, []
    for look in looks:
        look()


async def begun(room: Liveroom, one: Raw, said: bytes) -> None:
    """Say something, and wait until it was heard by HTTP, which waits for more."""
    one.send(said)
    await room.until(
        lambda: any(
            isinstance(connection, LiveHttp) for connection in room.head_limits._since
        )
    )


def test_a_silent_connection_is_closed() -> None:
    """Is closed without a word."""

    async def test(room: Liveroom) -> None:
        async with raw(room) as one:
            await room.until(lambda: len(room.head_limits) == 1)
            late(room)
            assert await one.end() == b""
        assert room.ledger.refused_heads == 1

    over_sockets(test)


def test_a_head_in_endless_pieces() -> None:
    """408; each piece is heard, and none gives it more time."""

    async def test(room: Liveroom) -> None:
        async with raw(room) as one:
            await begun(room, one, b"GET /v1/feeds HTTP/1.1\r\n")
            room.time += room.settings.head_timeout_s - 1
            one.send(b"X-Slow: 1\r\nX-")
            (http,) = room.head_limits._since
            assert isinstance(http, LiveHttp)
            await room.until(lambda: len(http.headers) == 1)
            room.time -= room.settings.head_timeout_s - 1
            late(room)
            assert (await one.end()).startswith(b"HTTP/1.1 408 ")
        assert len(room.head_limits) == 0

    over_sockets(test)


def test_a_head_that_is_too_long() -> None:
    """431, long before it is over."""

    async def test(room: Liveroom) -> None:
        async with raw(room) as one:
            await begun(room, one, b"GET /v1/feeds HTTP/1.1\r\n")
            for number in range(9):
                one.send(b"X-%d: %b\r\n" % (number, b"a" * 1000))
            assert (await one.end()).startswith(b"HTTP/1.1 431 ")
        assert (len(room.head_limits), room.ledger.refused_heads) == (0, 1)

    over_sockets(test)


def test_a_complete_head_ends_the_time_limit() -> None:
    """Nor are readers; the next request on a connection is, from its first byte on."""

    async def test(room: Liveroom) -> None:
        async with raw(room) as one:
            one.send(WHOLE[:20])
            one.send(WHOLE[20:])
            await one.until(b"404 ")
            await room.until(lambda: len(room.head_limits) == 0)
            await begun(room, one, b"\r\n")
            late(room)
            assert b"HTTP/1.1 408 " in await one.end()
        async with raw(room) as reader:
            reader.send(UPGRADE)
            await reader.until(b'"type":"hello"')
            assert len(room.head_limits) == 0

    over_sockets(test)
