"""The three transports as a reader speaks them: bytes in, messages out.

Pure: no socket is touched here, so a connection may be cut at any byte. Each wire
serves one connection. A long poll is turned into the messages of a line (a hello
or a reset, then events), so that one judge serves all three.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Protocol, cast
from urllib.parse import urlencode

import h11
from websockets.client import ClientProtocol
from websockets.extensions.permessage_deflate import ClientPerMessageDeflateFactory
from websockets.frames import Frame, Opcode
from websockets.http11 import Response
from websockets.uri import parse_uri

from stoppress.domain.cursor import Cursor
from stoppress.domain.fold import Json

HOST = "stop.press"


class BadWire(Exception):
    """The server broke the transport's own rules."""


class Wire(Protocol):
    """One connection of a reader."""

    ended: str
    """Why nothing more will come; "" while something may."""

    def begin(self, places: Mapping[str, Cursor | None]) -> bytes:
        """The request, for these feeds, from these cursors."""

    def feed(self, data: bytes) -> list[Json]:
        """Take bytes (b"" for the end of the stream); give the messages in them."""

    def pending(self) -> bytes:
        """What has to be sent back now."""


class WebSocketWire:
    """`GET /v1/live`, any number of feeds."""

    def __init__(self, token: str | None = None, deflate: bool = False) -> None:
        self.ended = ""
        self.code = 0
        self._token = token
        self._extensions = [ClientPerMessageDeflateFactory()] if deflate else None
        self._protocol: ClientProtocol | None = None
        self._parts: list[bytes] = []

    def begin(self, places: Mapping[str, Cursor | None]) -> bytes:
        query = urlencode(
            [
                ("feed", feed if cursor is None else f"{feed}@{cursor}")
                for feed, cursor in places.items()
            ]
        )
        protocol = ClientProtocol(
            parse_uri(f"ws://{HOST}/v1/live?{query}"), extensions=self._extensions
        )
        request = protocol.connect()
        if self._token:
            request.headers["Authorization"] = f"Bearer {self._token}"
        protocol.send_request(request)
        self._protocol = protocol
        return self.pending()

    def feed(self, data: bytes) -> list[Json]:
        protocol = cast(ClientProtocol, self._protocol)
        if data:
            protocol.receive_data(data)
        else:
            protocol.receive_eof()
        messages: list[Json] = []
        for event in protocol.events_received():
            if isinstance(event, Response):
                if protocol.handshake_exc is not None:
                    raise BadWire(f"handshake: {event.status_code} {event.body!r}")
            else:
                assert isinstance(event, Frame)
                self._frame(event, messages)
        if protocol.parser_exc is not None and data:
            raise BadWire(f"WebSocket: {protocol.parser_exc}")
        if protocol.close_rcvd is not None:
            self.code = protocol.close_rcvd.code
            self.ended = f"close {self.code}"
        elif not data:
            self.ended = "eof"
        return messages

    def _frame(self, frame: Frame, messages: list[Json]) -> None:
        if frame.opcode is Opcode.BINARY:
            raise BadWire("a binary message")
        if frame.opcode in (Opcode.TEXT, Opcode.CONT):
            self._parts.append(bytes(frame.data))
            if frame.fin:
                messages.append(json.loads(b"".join(self._parts)))
                self._parts.clear()

    def say(self, message: Json) -> bytes:
        """A message to the server, such as a follow."""
        cast(ClientProtocol, self._protocol).send_text(json.dumps(message).encode())
        return self.pending()

    def pending(self) -> bytes:
        """What has to be sent back now: pongs, the answer to a close."""
        return b"".join(cast(ClientProtocol, self._protocol).data_to_send())


class _HttpWire:
    """What the two plain HTTP transports share: one feed, one h11 connection."""

    def __init__(self, token: str | None = None) -> None:
        self.ended = ""
        self.status = 0
        self._token = token
        self._http = h11.Connection(h11.CLIENT)
        self._feed = ""
        self._since: Cursor | None = None

    def pending(self) -> bytes:
        """Nothing: HTTP has been said."""
        return b""

    def _request(self, target: str, headers: Sequence[tuple[str, str]] = ()) -> bytes:
        all_headers = [("Host", HOST), *headers]
        if self._token:
            all_headers.append(("Authorization", f"Bearer {self._token}"))
        head = h11.Request(method="GET", target=target, headers=all_headers)
        return self._http.send(head) + self._http.send(h11.EndOfMessage())

    def _read(self, data: bytes) -> tuple[bytes, bool]:
        """The body bytes in `data`, and whether the answer is complete."""
        try:
            self._http.receive_data(data)
            body = b""
            while True:
                event = self._http.next_event()
                if event is h11.NEED_DATA or event is h11.PAUSED:
                    return body, False
                if isinstance(event, h11.Response):
                    self.status = event.status_code
                elif isinstance(event, h11.Data):
                    body += bytes(event.data)
                elif isinstance(event, h11.EndOfMessage):
                    return body, True
                elif isinstance(event, h11.ConnectionClosed):
                    return body, False
        except h11.RemoteProtocolError as error:
            if data:
                raise BadWire(f"HTTP: {error}") from error
            return b"", False  # the stream was cut, which is not the server's HTTP


class SseWire(_HttpWire):
    """`GET /v1/feeds/{feed}/events` as an event stream."""

    def __init__(self, token: str | None = None, by_header: bool = True) -> None:
        super().__init__(token)
        self._by_header = by_header
        self._text = b""

    def begin(self, places: Mapping[str, Cursor | None]) -> bytes:
        ((self._feed, self._since),) = places.items()
        target = f"/v1/feeds/{self._feed}/events"
        headers = [("Accept", "text/event-stream")]
        if self._since is not None:
            if self._by_header:
                headers.append(("Last-Event-ID", str(self._since)))
            else:
                target += f"?since={self._since}"
        return self._request(target, headers)

    def feed(self, data: bytes) -> list[Json]:
        body, complete = self._read(data)
        if self.status not in (0, 200):
            self.ended = f"status {self.status}"
            return []
        self._text += body
        *blocks, self._text = self._text.split(b"\n\n")
        messages = [message for block in blocks for message in self._block(block)]
        if complete or not data:
            self.ended = "eof"
        return messages

    def _block(self, block: bytes) -> list[Json]:
        """One event of the stream: its `data`, checked against `event` and `id`."""
        fields: dict[str, str] = {}
        for line in block.decode().split("\n"):
            name, _, value = line.partition(":")
            fields[name] = value.removeprefix(" ")
        if "data" not in fields:
            return []  # a comment, or `retry` alone
        message = cast(Json, json.loads(fields["data"]))
        kind = message["type"]
        if fields.get("event") != kind:
            raise BadWire(f"event {fields.get('event')!r} carries {kind!r}")
        given = fields.get("id")
        # What has a dot in it is an event, also of a type that is not known.
        resumable = kind in ("hello", "reset") or "." in str(kind)
        if given != (message["cursor"] if resumable else None):
            raise BadWire(f"{kind} at {message.get('cursor')} has the id {given!r}")
        return [message]


class PollWire(_HttpWire):
    """`GET /v1/feeds/{feed}/events`, one poll after the other."""

    def __init__(self, token: str | None = None, wait_s: int = 25) -> None:
        super().__init__(token)
        self._wait_s = wait_s
        self._body = b""

    def begin(self, places: Mapping[str, Cursor | None]) -> bytes:
        ((self._feed, self._since),) = places.items()
        target = f"/v1/feeds/{self._feed}/events"
        if self._since is not None:
            target += f"?since={self._since}&wait={self._wait_s}"
        return self._request(target)

    def feed(self, data: bytes) -> list[Json]:
        body, complete = self._read(data)
        self._body += body
        if not data:
            self.ended = "eof"
        if not complete:
            return []
        if self.status != 200:
            self.ended = f"status {self.status}"
            return []
        answer = json.loads(self._body)
        self._body = b""
        self._http.start_next_cycle()
        return self._messages(answer)

    @property
    def idle(self) -> bool:
        """Whether the last poll was answered, so that the next may be sent."""
        return self._http.our_state is h11.IDLE

    def _messages(self, answer: Mapping[str, object]) -> list[Json]:
        at = {"feed": self._feed, "cursor": answer["cursor"]}
        if answer.get("reset"):
            return [{"type": "reset", **at, "retry_ms": answer["retry_ms"]}]
        events = cast("list[Json]", answer["events"])
        if len(events) > 200:
            raise BadWire(f"{len(events)} events in one answer")
        if self._since is None:
            return [{"type": "hello", **at, "resumed": False}, *events]
        last = events[-1]["cursor"] if events else str(self._since)
        if answer["cursor"] != last:
            raise BadWire(f"cursor {answer['cursor']} after {last}")
        hello = {"type": "hello", "feed": self._feed, "cursor": str(self._since)}
        return [{**hello, "resumed": True}, *events]
