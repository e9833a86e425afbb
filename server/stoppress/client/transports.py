"""The live line over each of its three transports, as one reader sees it.

Rules: a line is an async iterator of the protocol's messages. It ends when the
connection breaks or a message is overdue; `LineRefused` says that reconnecting is
useless. The caller decides when to reconnect, and from which cursor.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import AsyncGenerator, Callable, Mapping
from typing import Any, Literal
from urllib.parse import quote

import httpx
import msgspec
from websockets.asyncio.client import connect
from websockets.exceptions import (
    ConnectionClosed,
    InvalidHandshake,
    InvalidStatus,
    InvalidURI,
)

from stoppress.wire.close_codes import CloseCode, is_final

Message = Mapping[str, Any]
Transport = Literal["websocket", "sse", "poll"]

CONNECT_S = 10.0
FIRST_MESSAGE_S = 30.0
"""How long a line may be silent until the server has announced its beat."""
POLL_WAIT_S = 25
SNAPSHOT_TRIES = 5
MAX_BYTES = 4 << 20
"""More than the longest message."""

_decode = msgspec.json.Decoder(dict[str, Any]).decode


class LineRefused(Exception):
    """The server ended the line for good: reconnecting is useless."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason or CloseCode(code).name.lower().replace("_", " "))
        self.code = code


class LiveLine:
    """Opens a feed's line; `since` is a cursor as text, or None for now."""

    def __init__(self, http: httpx.AsyncClient, feed: str, token: str | None) -> None:
        self._http = http
        self._feed = feed
        self._headers = {"authorization": f"Bearer {token}"} if token else {}
        self._silence_s = FIRST_MESSAGE_S

    def open(
        self, transport: Transport, since: str | None
    ) -> AsyncGenerator[Message, None]:
        """The messages of one connection."""
        lines: dict[
            Transport, Callable[[str | None], AsyncGenerator[Message, None]]
        ] = {
            "websocket": self._websocket,
            "sse": self._sse,
            "poll": self._poll,
        }
        return lines[transport](since)

    def _read(self, data: str | bytes) -> Message:
        message = _decode(data)
        if message["type"] == "hello":
            # Two beats may be missed: the second may be on its way.
            self._silence_s = 2.5 * message["beat"]
        elif message["type"] == "error":
            raise LineRefused(message["code"], message["detail"])
        return message

    async def _websocket(self, since: str | None) -> AsyncGenerator[Message, None]:
        base = str(self._http.base_url).replace("http", "ws", 1).rstrip("/")
        asked = self._feed if since is None else f"{self._feed}@{since}"
        try:
            async with connect(
                f"{base}/v1/live?feed={quote(asked)}",
                additional_headers=self._headers,
                open_timeout=CONNECT_S,
                ping_interval=None,
                max_size=MAX_BYTES,
            ) as socket:
                while True:
                    async with asyncio.timeout(self._silence_s):
                        data = await socket.recv()
                    yield self._read(data)
        except ConnectionClosed as closed:
            frame = closed.rcvd
            if frame is not None and is_final(frame.code):
                raise LineRefused(frame.code, frame.reason) from None
        except InvalidStatus as error:
            _check(error.response.status_code, error.response.body)
        except (OSError, InvalidHandshake, TimeoutError):
            return
        except InvalidURI as error:
            raise LineRefused(CloseCode.BAD_REQUEST, str(error)) from None

    async def _sse(self, since: str | None) -> AsyncGenerator[Message, None]:
        headers = self._headers | {"accept": "text/event-stream"}
        with contextlib.suppress(httpx.TransportError, TimeoutError):
            async with self._http.stream(
                "GET",
                self._path,
                params={} if since is None else {"since": since},
                headers=headers,
                timeout=httpx.Timeout(CONNECT_S, read=None),
            ) as response:
                if response.status_code != 200:
                    _check(response.status_code, await response.aread())
                    return
                rows = response.aiter_lines()
                while True:
                    async with asyncio.timeout(self._silence_s):
                        row = await anext(rows, None)
                    if row is None:
                        return
                    if row.startswith("data:"):
                        yield self._read(row.removeprefix("data:"))

    async def _poll(self, since: str | None) -> AsyncGenerator[Message, None]:
        greeted = False
        with contextlib.suppress(httpx.TransportError):
            while True:
                asked: dict[str, str | int] = {}
                if since is not None:
                    asked = {"since": since, "wait": POLL_WAIT_S}
                response = await self._http.get(
                    self._path,
                    params=asked,
                    headers=self._headers,
                    timeout=httpx.Timeout(CONNECT_S, read=POLL_WAIT_S + CONNECT_S),
                )
                if response.status_code != 200:
                    _check(response.status_code, response.content)
                    return
                answer = _decode(response.content)
                if answer.get("reset"):
                    yield {"type": "reset", "feed": self._feed, **answer}
                elif not greeted:
                    cursor = since or answer["cursor"]
                    yield {"type": "hello", "feed": self._feed, "cursor": cursor}
                greeted = True
                for event in answer.get("events", ()):
                    yield event
                since = answer["cursor"]

    async def snapshot(self, at: str) -> Message | None:
        """The snapshot at `at` or later; None if the server has none in time."""
        with contextlib.suppress(httpx.TransportError):
            for attempt in range(SNAPSHOT_TRIES):
                response = await self._http.get(
                    f"/v1/feeds/{quote(self._feed)}",
                    params={"at": at},
                    headers=self._headers,
                )
                if response.status_code == 200:
                    return _decode(response.content)
                _check(response.status_code, response.content)
                await asyncio.sleep(random.uniform(0, 1 << attempt))
        return None

    @property
    def _path(self) -> str:
        return f"/v1/feeds/{quote(self._feed)}/events"


def _check(status: int, body: bytes | bytearray) -> None:
    """Raise LineRefused for an answer that another try would not change."""
    if status == 204:
        raise LineRefused(CloseCode.ENDED, "the feed has ended")
    if 400 <= status < 500 and status not in (408, 429):
        known = {401, 403, 404, 410}
        code = CloseCode(4000 + status) if status in known else CloseCode.BAD_REQUEST
        try:
            reason = str(_decode(body)["detail"])
        except (msgspec.DecodeError, KeyError):
            reason = f"the server answered {status}"
        raise LineRefused(code, reason)
