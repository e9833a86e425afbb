"""Readers and writers behind a proxy: one request or one line at a time.

Rules: nothing of this machine's own proxies lies between, and what must come is
awaited for `PATIENCE_S`, which decides no result.
"""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
import trustme
from websockets.asyncio.client import ClientConnection, connect

from tests.conftest import ADMIN_TOKEN
from tests.foreign.proxies import missing
from tests.foreign.two_hubs import Hubs

PATIENCE_S = 60
STREAM = {"accept": "text/event-stream", "accept-encoding": "gzip, br, zstd"}


def trusting(authority: trustme.CA) -> ssl.SSLContext:
    """What trusts the certificates of the proxies."""
    context = ssl.create_default_context()
    authority.configure_trust(context)
    return context


def needs(name: str) -> None:
    """Skip the test where the proxy is not installed."""
    lacking = missing(name)
    if lacking:
        pytest.skip(lacking)


def client(base: str, context: ssl.SSLContext | None = None) -> httpx.AsyncClient:
    """An editor's client."""
    return httpx.AsyncClient(
        base_url=base,
        headers={"authorization": f"Bearer {ADMIN_TOKEN}"},
        verify=context or False,
        timeout=PATIENCE_S,
        trust_env=False,
    )


def live(base: str, feed: str) -> str:
    """The address of the feed's WebSocket."""
    return f"{base.replace('http', 'ws', 1)}/v1/live?feed={feed}"


def socket_to(base: str, feed: str, context: ssl.SSLContext) -> connect:
    """A WebSocket that follows the feed."""
    tls = context if base.startswith("https") else None
    return connect(live(base, feed), ssl=tls, proxy=None)


async def hear(socket: ClientConnection, *kinds: str) -> dict[str, Any]:
    """The next message of one of some kinds."""
    async with asyncio.timeout(PATIENCE_S):
        while True:
            message: dict[str, Any] = json.loads(await socket.recv())
            if message["type"] in kinds:
                return message


async def read(lines: AsyncIterator[str], *kinds: str) -> dict[str, Any]:
    """The next event of a stream that is of one of some kinds."""
    async with asyncio.timeout(PATIENCE_S):
        async for line in lines:
            if line.startswith("data:"):
                message: dict[str, Any] = json.loads(line.removeprefix("data:"))
                if message["type"] in kinds:
                    return message
    raise AssertionError("the stream ended")


def publish(hubs: Hubs, feed: str, body: str) -> str:
    """Publish at a hub itself; the cursor."""
    cursor: str = hubs.running[0].publish(feed, body)["cursor"]
    return cursor
