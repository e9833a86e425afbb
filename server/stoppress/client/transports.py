"""The live line over each of its three transports, for one reader.

Rules: a line is an async iterator of the protocol's messages. It ends when the
connection breaks or a message is overdue; LineRefused means that reconnecting is
useless. The caller decides when to reconnect, and from which cursor. `LineCredential`
decides which credential a line sends, and whether another may help.
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

from stoppress.client.check_arguments import path_segment
from stoppress.client.line_credential import LineCredential, TicketsUnavailable
from stoppress.domain.undecodable_json import UNDECODABLE
from stoppress.wire.close_codes import CloseCode, is_final

Message = Mapping[str, Any]
Transport = Literal["websocket", "sse", "poll"]

CONNECT_S = 10.0
FIRST_MESSAGE_S = 30.0
"""How long a line may be silent before the server has announced its beats."""
POLL_WAIT_S = 25
SNAPSHOT_TRIES = 5
MAX_BYTES = 4 << 20
"""A limit above the longest message."""

_decode = msgspec.json.Decoder(dict[str, Any]).decode


class LineRefused(Exception):
    """The server ended the line for good: reconnecting is useless."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason or CloseCode(code).name.lower().replace("_", " "))
        self.code = code


class LiveLine:
    """Opens a feed's line; `since` is a cursor as text, or None for now."""

    def __init__(
        self, http: httpx.AsyncClient, feed: str, credential: LineCredential
    ) -> None:
        self._http = http
        self._feed = feed
        self._path = f"/v1/feeds/{path_segment(feed, 'feed')}"
        self._credential = credential
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
        return self._renewed(lines[transport](since))

    async def _renewed(
        self, line: AsyncGenerator[Message, None]
    ) -> AsyncGenerator[Message, None]:
        """A line that ends, rather than being refused, if another ticket may help."""
        try:
            async with contextlib.aclosing(line):
                async for message in line:
                    if message["type"] == "hello":
                        self._credential.accepted()
                    yield message
        except LineRefused as refused:
            if refused.code != CloseCode.UNAUTHENTICATED or not (
                self._credential.may_ask_again()
            ):
                raise
        except TicketsUnavailable:
            return

    def _read(self, data: str | bytes) -> Message:
        message = _decode(data)
        if message["type"] == "hello":
            # Two beats may be late or lost before the line counts as broken.
            self._silence_s = 2.5 * message["beat"]
        elif message["type"] == "error":
            raise LineRefused(message["code"], message["detail"])
        return message

    async def _websocket(self, since: str | None) -> AsyncGenerator[Message, None]:
        base = str(self._http.base_url).replace("http", "ws", 1).rstrip("/")
        asked = self._feed if since is None else f"{self._feed}@{since}"
        try:
            async with connect(
                f"{base}/v1/live?feed={quote(asked, safe='')}",
                additional_headers=await self._credential.headers(),
                open_timeout=CONNECT_S,
                ping_interval=None,
                max_size=MAX_BYTES,
            ) as socket:
                while True:
                    async with asyncio.timeout(self._silence_s):
                        data = await socket.recv()
                    message = self._read(data)
                    if message["type"] == "expiring":
                        ticket = await self._credential.renew()
                        op = {"op": "renew", "feed": self._feed, "ticket": ticket}
                        if ticket:
                            await socket.send(msgspec.json.encode(op).decode())
                        continue
                    yield message
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
        headers = {
            **await self._credential.headers(),
            "accept": "text/event-stream",
        }
        with contextlib.suppress(httpx.TransportError, TimeoutError):
            async with self._http.stream(
                "GET",
                f"{self._path}/events",
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
                    if not row.startswith("data:"):
                        continue
                    message = self._read(row.removeprefix("data:"))
                    if message["type"] == "expiring":
                        # Nothing can be sent on this line: it continues over another
                        # one.
                        if await self._credential.renew():
                            return
                        continue
                    yield message

    async def _poll(self, since: str | None) -> AsyncGenerator[Message, None]:
        greeted = False
        with contextlib.suppress(httpx.TransportError):
            while True:
                asked: dict[str, str | int] = {}
                if since is not None:
                    asked = {"since": since, "wait": POLL_WAIT_S}
                response = await self._http.get(
                    f"{self._path}/events",
                    params=asked,
                    headers=await self._credential.headers(),
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
        with contextlib.suppress(httpx.TransportError, TicketsUnavailable):
            for attempt in range(SNAPSHOT_TRIES):
                response = await self._http.get(
                    self._path,
                    params={"at": at},
                    headers=await self._credential.headers(),
                )
                if response.status_code == 401 and self._credential.may_ask_again():
                    continue
                if response.status_code == 200:
                    return _decode(response.content)
                _check(response.status_code, response.content)
                await asyncio.sleep(random.uniform(0, 1 << attempt))  # noqa: S311 (spreads load, no secret)
        return None


def _check(status: int, body: bytes | bytearray) -> None:
    """Raise LineRefused for an answer that another attempt would not change."""
    if status == 204:
        raise LineRefused(CloseCode.ENDED, "the feed has ended")
    if 400 <= status < 500 and status not in (408, 429):
        known = {401, 403, 404, 410}
        code = CloseCode(4000 + status) if status in known else CloseCode.BAD_REQUEST
        try:
            reason = str(_decode(body)["detail"])
        except (*UNDECODABLE, KeyError):
            reason = f"the server answered {status}"
        raise LineRefused(code, reason)
