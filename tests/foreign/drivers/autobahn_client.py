"""Autobahn|Python, on asyncio."""

from __future__ import annotations

import asyncio
from typing import Any, cast
from urllib.parse import urlsplit

from autobahn.asyncio.websocket import (
    WebSocketClientFactory,
    WebSocketClientProtocol,
)

from tests.foreign.drivers.console import FollowedFeed, following, run
from tests.foreign.drivers.standard_library import ask


async def _follow(followed: FollowedFeed) -> None:
    over = asyncio.Event()

    class Reader(WebSocketClientProtocol):
        def onMessage(self, payload: bytes, isBinary: bool) -> None:
            followed.heard(payload.decode())

        def onClose(self, wasClean: bool, code: int, reason: str) -> None:
            over.set()

    # It has types, but not for these.
    factory: Any = cast(Any, WebSocketClientFactory)(followed.live)
    factory.protocol = Reader
    factory.setProtocolOptions(autoPingInterval=5, autoPingTimeout=10)
    address = urlsplit(followed.live)
    loop = asyncio.get_running_loop()
    assert address.hostname and address.port
    await loop.create_connection(factory, address.hostname, address.port)
    await over.wait()


def once(followed: FollowedFeed) -> None:
    """Follow until the connection breaks."""
    asyncio.run(_follow(followed))


run(ask, following(once))
