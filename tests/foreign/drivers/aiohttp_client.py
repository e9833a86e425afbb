"""aiohttp: an event stream, or, with `websocket` as the fourth argument, its socket."""

from __future__ import annotations

import asyncio
import sys

import aiohttp

from tests.foreign.drivers.console import Answer, FollowedFeed, following, run


def ask(method: str, url: str, headers: dict[str, str], body: bytes | None) -> Answer:
    """One request of a session of its own."""

    async def asked() -> Answer:
        async with (
            aiohttp.ClientSession() as session,
            session.request(method, url, headers=headers, data=body) as got,
        ):
            fields = {name.lower(): value for name, value in got.headers.items()}
            return Answer(got.status, fields, await got.read())

    return asyncio.run(asked())


async def _stream(followed: FollowedFeed) -> None:
    timeout = aiohttp.ClientTimeout(total=None, sock_read=60)
    async with (
        aiohttp.ClientSession(timeout=timeout) as session,
        session.get(followed.events, headers=followed.as_stream) as got,
    ):
        got.raise_for_status()
        event: list[str] = []
        async for line in got.content:
            event.append(line.decode())
            if line == b"\n":
                followed.heard_lines(event)
                event = []


async def _socket(followed: FollowedFeed) -> None:
    async with (
        aiohttp.ClientSession() as session,
        session.ws_connect(followed.live, heartbeat=30, compress=15) as socket,
    ):
        async for message in socket:
            followed.heard(message.data)


def once(followed: FollowedFeed) -> None:
    """Follow until the connection breaks."""
    asyncio.run((_socket if sys.argv[4:] == ["websocket"] else _stream)(followed))


run(ask, following(once, aiohttp.ClientError, TimeoutError))
