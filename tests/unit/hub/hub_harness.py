"""A hub over a log in memory, and a reader of it."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from stoppress.hub.asgi_and_long_poll_readers import RelayedReader
from stoppress.hub.feed_status_and_access import ANYONE
from stoppress.hub.hub import Hub
from stoppress.settings import Settings
from stoppress.wire.wire_formats import WireFormat
from tests.scripted_upstream import ScriptedUpstream


def open_hub(**changes: Any) -> tuple[Hub, ScriptedUpstream]:
    """A hub with one feed, `x`, over a log in memory."""
    upstream = ScriptedUpstream()
    upstream.make("x")
    return Hub(upstream, Settings(public_url="http://h", **changes)), upstream


def relayed_reader(of: Hub) -> RelayedReader:
    """A reader whose bytes the test takes itself."""
    return RelayedReader(of, WireFormat.LINES, ANYONE)


async def next_messages(reader: RelayedReader) -> list[dict[str, Any]]:
    """The messages of the next bytes."""
    async with asyncio.timeout(60):
        data = await reader.next_bytes()
    return [json.loads(line) for line in data.splitlines()]
