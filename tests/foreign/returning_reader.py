"""A reader that comes back from its cursor whenever its line breaks, on any transport.

Rules: a `reset` is noted as an event, so a test that compares cursors sees it; a line
that comes back and was not resumed fails the test.
"""

from __future__ import annotations

import asyncio
import contextlib

import httpx
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake

from tests.foreign.live_lines import PATIENCE_S, hear, live, read

BACK_AFTER_S = 0.05


class ReturningReader:
    """What it heard, and how often its line broke."""

    def __init__(self, base: str, feed: str, transport: str) -> None:
        self.base, self.feed, self.transport = base, feed, transport
        self.cursors: list[str] = []
        self.breaks = 0
        self.greeted = asyncio.Event()
        self._place = ""
        self._came = asyncio.Condition()

    async def has(self, count: int) -> None:
        """Wait until so many events came."""
        async with asyncio.timeout(PATIENCE_S), self._came:
            await self._came.wait_for(lambda: len(self.cursors) >= count)

    async def run(self) -> None:
        """Follow until cancelled."""
        once = {"websocket": self._socket, "sse": self._stream, "poll": self._poll}
        while True:
            with contextlib.suppress(
                ConnectionClosed, InvalidHandshake, OSError, httpx.TransportError
            ):
                await once[self.transport]()
            self.breaks += 1
            await asyncio.sleep(BACK_AFTER_S)

    async def _note(self, cursor: str) -> None:
        self._place = cursor
        async with self._came:
            self.cursors.append(cursor)
            self._came.notify_all()

    def _greet(self, hello: dict[str, object]) -> None:
        assert hello["type"] == "hello"
        assert hello["resumed"] or not self._place
        self._place = self._place or str(hello["cursor"])
        self.greeted.set()

    async def _socket(self) -> None:
        place = f"@{self._place}" if self._place else ""
        async with connect(live(self.base, self.feed) + place, proxy=None) as socket:
            self._greet(await hear(socket, "hello", "reset"))
            while True:
                event = await hear(socket, "post.published", "reset")
                await self._note(event["cursor"])

    def _client(self) -> httpx.AsyncClient:
        return httpx.AsyncClient(
            base_url=f"{self.base}/v1/feeds/{self.feed}",
            timeout=PATIENCE_S,
            trust_env=False,
        )

    async def _stream(self) -> None:
        headers = {"accept": "text/event-stream"}
        if self._place:
            headers["last-event-id"] = self._place
        async with (
            self._client() as http,
            http.stream("GET", "/events", headers=headers) as stream,
        ):
            if stream.status_code != 200:
                raise ConnectionError(stream.status_code)
            lines = stream.aiter_lines()
            with contextlib.suppress(AssertionError):
                self._greet(await read(lines, "hello", "reset"))
                while True:
                    event = await read(lines, "post.published", "reset")
                    await self._note(event["cursor"])

    async def _poll(self) -> None:
        async with self._client() as http:
            while True:
                asked = {"wait": "20"} | ({"since": self._place} if self._place else {})
                answer = await http.get("/events", params=asked)
                if answer.status_code != 200:
                    raise ConnectionError(answer.status_code)
                told = answer.json()
                if told.get("reset"):
                    await self._note("reset")
                for event in told.get("events", ()):
                    await self._note(event["cursor"])
                self._place = told["cursor"]
                self.greeted.set()
