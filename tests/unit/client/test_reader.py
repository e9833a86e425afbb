"""The Python reader against a server that says what the test wants it to say."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from http import HTTPStatus
from urllib.parse import parse_qs, urlsplit

import msgspec
import pytest
from websockets.asyncio.server import ServerConnection, serve
from websockets.http11 import Request, Response

from stoppress.client import InvalidArgument, reader
from stoppress.client.reader import LineRefused, Message, Transport, follow

PATIENCE_S = 60


def event(seq: int, body: str = "", epoch: str = "e") -> Message:
    """A post published."""
    post = {"id": f"p{seq}", "body": body, "published_at": "t", "pinned": False}
    cursor = f"{epoch}-{seq}"
    return {"type": "post.published", "feed": "x", "cursor": cursor, "post": post}


def hello(cursor: str, **fields: object) -> Message:
    """The first message of a follow; the reader comes back at once by default."""
    message = {"type": "hello", "feed": "x", "cursor": cursor, "resumed": True}
    return {**message, "beat": 25, "retry_ms": 0, **fields}


class Town:
    """One connection after the other is served by the next script; `asked` holds
    the feed and cursor each came with, `snapshots` answers the API."""

    def __init__(self, *scripts: list[Message | int]) -> None:
        self._scripts = list(scripts)
        self.asked: list[str] = []
        self.snapshots: list[Message] = []
        self.snapshots_asked: list[str] = []
        self.url = ""

    async def serve(self, line: ServerConnection) -> None:
        """Say what the script says; a number closes with that code."""
        assert line.request is not None
        query = parse_qs(urlsplit(line.request.path).query)
        self.asked.append(query["feed"][0])
        if not self._scripts:
            await line.wait_closed()
            return
        for said in self._scripts.pop(0):
            if isinstance(said, int):
                await line.close(said, "so it is")
                return
            await line.send(msgspec.json.encode(said).decode())
        line.transport.abort()

    def answer(self, line: ServerConnection, request: Request) -> Response | None:
        """The API, where no WebSocket is asked for."""
        if "upgrade" in request.headers:
            return None
        self.snapshots_asked.append(request.path)
        if not self.snapshots:
            return line.respond(HTTPStatus.SERVICE_UNAVAILABLE, "")
        body = msgspec.json.encode(self.snapshots.pop(0)).decode()
        return line.respond(HTTPStatus.OK, body)


@asynccontextmanager
async def town(*scripts: list[Message | int]) -> AsyncIterator[Town]:
    """A server that plays `scripts`."""
    place = Town(*scripts)
    async with serve(
        place.serve, "127.0.0.1", 0, process_request=place.answer
    ) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        place.url = f"http://127.0.0.1:{port}"
        yield place


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """No spread where the server names none."""
    monkeypatch.setattr(reader, "RETRY_MS", 0)


async def read(place: Town, count: int, since: str | None = None) -> list[Message]:
    """The next `count` messages."""
    got: list[Message] = []
    async with asyncio.timeout(PATIENCE_S):
        async with aclosing(follow(place.url, "x", since=since)) as messages:
            async for message in messages:
                got.append(message)
                if len(got) == count:
                    break
    return got


@pytest.mark.asyncio
async def test_events_come_out_and_nothing_else() -> None:
    """Without a cursor the line begins at the head."""
    beat = {"type": "beat", "feed": "x", "cursor": "e-4"}
    readers = {"type": "readers", "feed": "x", "count": 3}
    async with town([hello("e-4"), beat, readers, event(5), event(6)]) as place:
        assert await read(place, 2) == [event(5), event(6)]
        assert place.asked == ["x"]


@pytest.mark.asyncio
async def test_after_a_break_it_goes_on_from_its_cursor() -> None:
    """Each event once, whatever is said twice."""
    first: list[Message | int] = [hello("e-4"), event(5), event(6)]
    second: list[Message | int] = [hello("e-6"), event(6), event(7)]
    async with town(first, second, [4001], [hello("e-7"), event(8)]) as place:
        got = await read(place, 4, since="e-4")
        assert got == [event(5), event(6), event(7), event(8)]
        assert place.asked == ["x@e-4", "x@e-6", "x@e-7", "x@e-7"]


@pytest.mark.asyncio
async def test_a_break_before_any_event_keeps_the_head() -> None:
    """What is published between two connections is not lost."""
    async with town([hello("e-4")], [hello("e-4"), event(5)]) as place:
        assert await read(place, 1) == [event(5)]
        assert place.asked == ["x", "x@e-4"]


@pytest.mark.asyncio
async def test_a_gap_ends_the_connection_and_not_the_order() -> None:
    """The event that did not follow is asked for again."""
    async with town(
        [hello("e-4"), event(5), event(7)], [hello("e-5"), event(6), event(7)]
    ) as place:
        assert await read(place, 3, since="e-4") == [event(5), event(6), event(7)]
        assert place.asked == ["x@e-4", "x@e-5"]


@pytest.mark.asyncio
async def test_a_reset_brings_a_snapshot_and_what_follows_on_it() -> None:
    """Events that the snapshot holds already don't come out again."""
    reset = {"type": "reset", "feed": "x", "cursor": "f-2", "retry_ms": 0}
    said = [event(seq, epoch="f") for seq in (3, 4, 5)]
    async with town([reset, *said]) as place:
        snapshot: Message = {"feed": {}, "cursor": "f-4", "posts": [], "pinned": None}
        place.snapshots = [snapshot]
        got = await read(place, 2, since="e-9")
        assert got == [{**reset, "snapshot": snapshot}, said[-1]]
        assert place.snapshots_asked == ["/v1/feeds/x?at=f-2"]


@pytest.mark.asyncio
async def test_a_kind_it_does_not_know_counts() -> None:
    """A newer server may say more."""
    new = {"type": "poll.opened", "feed": "x", "cursor": "e-5", "value": 1}
    async with town([hello("e-4"), new, event(6)]) as place:
        assert await read(place, 2, since="e-4") == [new, event(6)]


@pytest.mark.asyncio
async def test_silence_ends_the_connection() -> None:
    """A line on which not even beats come is dead, whatever the kernel thinks."""
    received = asyncio.Event()

    async with town() as place:
        scripts = [[hello("e-4", beat=0.01)], [hello("e-4"), event(5)]]

        async def hold(line: ServerConnection) -> None:
            for said in scripts.pop(0):
                await line.send(msgspec.json.encode(said).decode())
            await line.wait_closed()
            received.set()

        async with serve(hold, "127.0.0.1", 0) as server:
            port = next(iter(server.sockets)).getsockname()[1]
            place.url = f"http://127.0.0.1:{port}"
            assert await read(place, 1) == [event(5)]
            assert received.is_set() and not scripts


@pytest.mark.parametrize("code", [4400, 4401, 4403, 4404, 4410])
@pytest.mark.asyncio
async def test_a_final_code_is_the_end(code: int) -> None:
    """44xx: coming back can't help."""
    async with town([hello("e-4"), code]) as place:
        with pytest.raises(LineRefused) as refused:
            await read(place, 1)
    assert (refused.value.code, str(refused.value)) == (code, "so it is")


@pytest.mark.asyncio
async def test_an_error_about_the_feed_is_the_end() -> None:
    """The line carries no other."""
    error = {"type": "error", "feed": "x", "code": 4404, "detail": "no such feed"}
    async with town([error]) as place:
        with pytest.raises(LineRefused, match="no such feed"):
            await read(place, 1)


@pytest.mark.parametrize("transport", ["sse", "poll"])
@pytest.mark.asyncio
async def test_a_refusal_over_http_is_the_end(transport: Transport) -> None:
    """The status says what a close code would."""

    def refuse(line: ServerConnection, request: Request) -> Response:
        return line.respond(HTTPStatus.NOT_FOUND, '{"detail": "no feed \'x\'"}')

    async def never(line: ServerConnection) -> None:
        raise AssertionError

    async with serve(never, "127.0.0.1", 0, process_request=refuse) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        messages = follow(f"http://127.0.0.1:{port}", "x", transport=transport)
        with pytest.raises(LineRefused, match="no feed 'x'") as refused:
            async with asyncio.timeout(PATIENCE_S), aclosing(messages):
                await anext(messages)
    assert refused.value.code == 4404


def test_a_reader_reconnects_after_a_random_wait(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Full jitter over a bound that doubles, as told by the server, to a minute."""
    drawn: list[float] = []

    def uniform(least: float, most: float) -> float:
        drawn.append(most)
        return most

    monkeypatch.setattr("random.uniform", uniform)
    following = reader._Reader(None, None)  # type: ignore[arg-type]  # it reads nothing
    following._greeted(hello("e-1", retry_ms=10_000))
    assert [following.pause_s() for _ in range(5)] == [10, 20, 40, 60, 60]
    following._greeted(hello("e-1", retry_ms=10_000))
    assert following.pause_s() == 10
    assert drawn[0] == 10_000


@pytest.mark.asyncio
async def test_after_a_goodbye_it_comes_back_when_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The server has drawn the time already."""
    bye = {"type": "bye", "retry_ms": 30}
    pauses: list[float] = []
    sleep = asyncio.sleep

    async def noted(seconds: float) -> None:
        pauses.append(seconds)
        await sleep(0)

    async with town([hello("e-4"), bye, 4000], [hello("e-4"), event(5)]) as place:
        monkeypatch.setattr("asyncio.sleep", noted)
        assert await read(place, 1) == [event(5)]
    assert 0.03 in pauses


@pytest.mark.asyncio
async def test_a_garbled_message_is_a_broken_line() -> None:
    """After the hello: it reconnects from its cursor."""
    garbled: Message = {"type": "post.published", "feed": "x", "cursor": "e-5"}
    async with town([hello("e-4"), garbled], [hello("e-4"), event(5)]) as place:
        assert await read(place, 1) == [event(5)]
        assert place.asked == ["x", "x@e-4"]


@pytest.mark.asyncio
async def test_a_garbled_first_message_is_a_refusal() -> None:
    """It is another kind of server."""
    async with town([{"hello": "world"}]) as place:
        with pytest.raises(LineRefused, match="is not a Stop Press server"):
            await read(place, 1)


@pytest.mark.parametrize("status", [HTTPStatus.OK, HTTPStatus.MULTIPLE_CHOICES])
@pytest.mark.asyncio
async def test_a_server_without_the_line_is_a_refusal(status: HTTPStatus) -> None:
    """A web server that gives its front page for any address."""

    def answer(line: ServerConnection, request: Request) -> Response:
        return line.respond(status, "<html>")

    async def never(line: ServerConnection) -> None:
        raise AssertionError

    async with serve(never, "127.0.0.1", 0, process_request=answer) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        messages = follow(f"http://127.0.0.1:{port}", "x")
        with pytest.raises(LineRefused, match=f"it answered {status.value}"):
            async with asyncio.timeout(PATIENCE_S), aclosing(messages):
                await anext(messages)


@pytest.mark.asyncio
async def test_an_unknown_final_code_is_the_end() -> None:
    """Of a later release, and without a reason."""

    async def close(line: ServerConnection) -> None:
        await line.close(4444)

    async with serve(close, "127.0.0.1", 0) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        messages = follow(f"http://127.0.0.1:{port}", "x")
        with pytest.raises(LineRefused, match="4444"):
            async with asyncio.timeout(PATIENCE_S), aclosing(messages):
                await anext(messages)


@pytest.mark.asyncio
async def test_what_is_no_address_is_refused() -> None:
    """With no transport is it tried for ever."""
    for transport in ("websocket", "sse", "poll"):
        messages = follow("localhost:8000", "x", transport=transport)
        with pytest.raises(InvalidArgument, match="url="):
            await anext(messages)
