"""Answers come in the order of requests, and a connection has one owner."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.unit.web.line.bare import LOOPS, STREAM, UPGRADE, raw, taken
from tests.unit.web.line.live_harness import LiveServer

GET = b"GET /v1/live HTTP/1.1\r\nHost: h\r\n\r\n"
"""426: what a WebSocket is for."""
GET_END = b"/v1/feeds/{feed}/events"
POLL = b"GET /v1/feeds/x/events HTTP/1.1\r\nHost: h\r\nAccept: application/json\r\n\r\n"
POST = b"POST /v1/nothing HTTP/1.1\r\nHost: h\r\n"
BAD = b"NO SUCH THING\r\n\r\n"
AGAIN = UPGRADE.replace(b"feed=x", b"feed=other")


async def _waiting_poll(live: LiveServer) -> bytes:
    """A long poll that nothing answers yet."""
    async with raw(live) as client:
        client.send(POLL)
        answer = (await client.until(b"}")).partition(b"\r\n\r\n")[2]
    cursor: str = json.loads(answer)["cursor"]
    return POLL.replace(b"events", b"events?since=" + cursor.encode(), 1)


@taken
async def test_a_handshake_behind_a_stream_takes_nothing(live: LiveServer) -> None:
    """Two readers of one connection would outlive it, and write into the next one."""
    for at_once in (True, False):
        async with raw(live) as client:
            client.send(STREAM + AGAIN if at_once else STREAM)
            await client.until(b'"hello"')
            if not at_once:
                client.send(AGAIN)
            live.upstream.publish("x")
            await client.until(b"event: post.published")
            assert b"HTTP/1.1 101" not in client.seen
            assert live.ledger.here == 1
        await live.until(lambda: live.ledger.here == 0)
        await live.until(lambda: not live.server.server_state.connections)


@taken
async def test_a_handshake_waits_for_no_answer(live: LiveServer) -> None:
    """The answers before it come whole and in order, then its refusal, then the end."""
    for requests, answers in ((GET + UPGRADE, 1), (GET + GET + UPGRADE, 2)):
        async with raw(live) as client:
            client.send(requests)
            told = await client.end()
            heads = [part[:3] for part in told.split(b"HTTP/1.1 ")[1:]]
            assert heads == [b"426"] * answers + [b"400"]
            assert b"waits for earlier answers" in told.rpartition(b"\r\n\r\n")[2]
    waiting = await _waiting_poll(live)
    async with raw(live) as client:
        client.send(waiting + UPGRADE)
        await live.until(lambda: live.size() == 1)
        live.upstream.publish("x")
        told = await client.end()
        heads = [part[:3] for part in told.split(b"HTTP/1.1 ")[1:]]
        assert heads == [b"200", b"400"]
    await live.until(lambda: live.ledger.here == 0)


@taken
async def test_a_handshake_after_an_answer_is_taken(live: LiveServer) -> None:
    """On a connection that was used before."""
    async with raw(live) as client:
        client.send(GET)
        await client.until(GET_END)
        client.send(UPGRADE)
        await client.until(b'"hello","feed":"x"')
        assert live.ledger.here == 1


@taken
async def test_what_was_asked_before_a_malformed_request_is_answered(
    live: LiveServer,
) -> None:
    """A post that was made is confirmed, whatever comes after it."""
    whole = POST + b"Content-Length: 2\r\n\r\n{}"
    for requests, answers in (
        (GET + BAD, [b"426"]),
        (whole + BAD, [b"404"]),
        (whole + b"}", [b"404"]),  # a length that is one byte short
        (GET + GET + BAD, [b"426", b"426"]),
        (GET + whole + b" " + GET, [b"426", b"404"]),
    ):
        async with raw(live) as client:
            client.send(requests)
            if requests.endswith(b"}}"):
                client.send(b"\r\n\r\n")
            told = await client.end()
            heads = [part[:3] for part in told.split(b"HTTP/1.1 ")[1:]]
            assert heads == [*answers, b"400"], requests
    await live.until(lambda: not live.server.server_state.connections)


CHUNKED = POST + b"Transfer-Encoding: chunked\r\n\r\n"


@pytest.mark.parametrize("loop", LOOPS, ids=["uvloop", "asyncio"])
@pytest.mark.parametrize("apart", [True, False], ids=["apart", "together"])
@pytest.mark.parametrize("before", [b"", GET], ids=["first", "pipelined"])
def test_a_malformed_body_is_refused(loop: Any, before: bytes, apart: bool) -> None:
    """With a reason, after the answers to earlier requests."""

    async def scenario(live: LiveServer) -> None:
        async with raw(live) as client:
            if apart:
                client.send(before + CHUNKED)
                await live.until(lambda: live.asked == 1 + bool(before))
                if before:
                    await client.until(GET_END)
                client.send(b"zz\r\n")
            else:
                client.send(before + CHUNKED + b"zz\r\n")
            told = await client.end()
        heads = [part[:3] for part in told.split(b"HTTP/1.1 ")[1:]]
        # An answer that needs no body may have been given before.
        early = [b"404"] if apart and len(heads) == (2 if not before else 3) else []
        assert heads == [b"426"] * bool(before) + early + [b"400"]
        await live.until(lambda: not live.server.server_state.connections)
        await live.until(lambda: not live.server.server_state.tasks)

    taken(scenario)(loop, "takeover")
