"""The live line over each of its three transports, for one reader.

Rules: a line is an async iterator of the protocol's messages. It ends when the
connection breaks or a message is overdue; LineRefused means that reconnecting is
useless. The caller decides when to reconnect, and from which cursor. `LineCredential`
decides which credential a line sends, and whether another may help. Until the server
has greeted this reader once, a redirect, what is not the protocol, and a certificate
that can't be verified mean a wrong address: LineRefused. After it they are a broken
line.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import ssl
from collections.abc import AsyncGenerator, Callable
from typing import Literal
from urllib.parse import quote

import httpx
import msgspec
from websockets.asyncio.client import connect
from websockets.exceptions import (
    ConnectionClosed,
    InvalidHandshake,
    InvalidHeader,
    InvalidProxy,
    InvalidStatus,
    InvalidURI,
    SecurityError,
)

from stoppress.client.check_arguments import path_segment
from stoppress.client.line_credential import LineCredential, TicketsUnavailable
from stoppress.client.line_messages import (
    Message,
    NotTheProtocol,
    checked_message,
    cursor_of,
    decoded,
    message_in,
)
from stoppress.wire.close_codes import CloseCode, is_final

Transport = Literal["websocket", "sse", "poll"]

CONNECT_S = 10.0
FIRST_MESSAGE_S = 30.0
"""How long a line may be silent before the server has announced its beats."""
POLL_WAIT_S = 25
SNAPSHOT_TRIES = 5
MAX_BYTES = 4 << 20
"""A limit above the longest message."""

_BROKEN = httpx.TransportError, httpx.DecodingError


class LineRefused(Exception):
    """The server ended the line for good: reconnecting is useless."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason or _words(code))
        self.code = code


class LiveLine:
    """Opens a feed's line; `since` is a cursor as text, or None for now."""

    def __init__(
        self, http: httpx.AsyncClient, feed: str, credential: LineCredential
    ) -> None:
        self._http = http
        self._feed = feed
        self._url = str(http.base_url).rstrip("/")
        self._path = f"/v1/feeds/{path_segment(feed, 'feed')}"
        self._credential = credential
        self._silence_s = FIRST_MESSAGE_S
        self._is_known = False
        """Whether the server has greeted this reader, on this line or before."""

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
                    if message["type"] in ("hello", "reset"):
                        self._is_known = True
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
        except NotTheProtocol as wrong:
            self._refuse(f"{self._url} is not a Stop Press server: {wrong}")
        except (*_BROKEN, OSError, InvalidHandshake) as broken:
            if (reason := _unverified(broken)) is not None:
                self._refuse(f"{self._url} has no valid certificate: {reason}")

    def _refuse(self, reason: str) -> None:
        """Raise LineRefused if the server has not greeted this reader yet."""
        if not self._is_known:
            raise LineRefused(CloseCode.BAD_REQUEST, reason) from None

    def _read(self, data: str | bytes) -> Message:
        message = message_in(data)
        if message["type"] == "hello":
            # Two beats may be late or lost before the line counts as broken.
            self._silence_s = 2.5 * message["beat"]
        elif message["type"] == "error":
            raise LineRefused(message["code"], message["detail"])
        return message

    async def _websocket(self, since: str | None) -> AsyncGenerator[Message, None]:
        base = self._url.replace("http", "ws", 1)
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
            _check_answer(error.response.status_code, error.response.body or b"")
        except (InvalidHeader, SecurityError) as error:
            raise NotTheProtocol(str(error)) from None
        except (InvalidURI, InvalidProxy) as error:
            raise LineRefused(CloseCode.BAD_REQUEST, str(error)) from None

    async def _sse(self, since: str | None) -> AsyncGenerator[Message, None]:
        headers = {
            **await self._credential.headers(),
            "accept": "text/event-stream",
        }
        async with self._http.stream(
            "GET",
            f"{self._path}/events",
            params={} if since is None else {"since": since},
            headers=headers,
            timeout=httpx.Timeout(CONNECT_S, read=None),
        ) as response:
            if response.status_code != 200:
                _check_answer(response.status_code, await response.aread())
                return
            kind = response.headers.get("content-type", "")
            if not kind.lower().startswith("text/event-stream"):
                raise NotTheProtocol(f"its answer is of the type {kind!r}")
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
                    # Nothing can be sent on this line: it continues over another one.
                    if await self._credential.renew():
                        return
                    continue
                yield message

    async def _poll(self, since: str | None) -> AsyncGenerator[Message, None]:
        greeted = False
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
                _check_answer(response.status_code, response.content)
                return
            answer = decoded(response.content)
            cursor, events = cursor_of(answer), answer.get("events", [])
            if not isinstance(events, list):
                raise NotTheProtocol("its answer has no events")
            if answer.get("reset"):
                reset = {"type": "reset", "feed": self._feed, **answer}
                yield checked_message(reset)
            elif not greeted:
                yield {"type": "hello", "feed": self._feed, "cursor": since or cursor}
            greeted = True
            for event in events:
                yield checked_message(event)
            since = cursor

    async def snapshot(self, at: str) -> Message | None:
        """The snapshot at `at` or later; None if the server has none in time."""
        with contextlib.suppress(*_BROKEN, TicketsUnavailable, NotTheProtocol):
            for attempt in range(SNAPSHOT_TRIES):
                response = await self._http.get(
                    self._path,
                    params={"at": at},
                    headers=await self._credential.headers(),
                )
                if response.status_code == 401 and self._credential.may_ask_again():
                    continue
                if response.status_code == 200:
                    snapshot = decoded(response.content)
                    cursor_of(snapshot)
                    return snapshot
                _check(response.status_code, response.content)
                await asyncio.sleep(random.uniform(0, 1 << attempt))  # noqa: S311 (spreads load, no secret)
        return None


def _words(code: int) -> str:
    """What a close code means, for a server that gave no reason."""
    try:
        return CloseCode(code).name.lower().replace("_", " ")
    except ValueError:
        return f"the server ended the line with {code}"


def _unverified(error: BaseException | None) -> str | None:
    """Why the server's certificate is not valid; None if that is not the error."""
    while error is not None:
        if isinstance(error, ssl.SSLCertVerificationError):
            return error.verify_message or str(error)
        error = error.__cause__ or error.__context__
    return None


def _check_answer(status: int, body: bytes | bytearray) -> None:
    """Raise for an answer other than the line that was asked for.

    Raises LineRefused if another attempt would not change it, and NotTheProtocol.
    """
    if status < 400 and status != 204:
        raise NotTheProtocol(f"it answered {status}")
    _check(status, body)


def _check(status: int, body: bytes | bytearray) -> None:
    """Raise LineRefused for an answer that another attempt would not change."""
    if status == 204:
        raise LineRefused(CloseCode.ENDED, "the feed has ended")
    if 400 <= status < 500 and status not in (408, 429):
        known = {401, 403, 404, 410}
        code = CloseCode(4000 + status) if status in known else CloseCode.BAD_REQUEST
        try:
            reason = str(decoded(body)["detail"])
        except (NotTheProtocol, KeyError):
            reason = f"the server answered {status}"
        raise LineRefused(code, reason)
