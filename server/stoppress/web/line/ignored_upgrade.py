"""Reading on after an upgrade offer that the server ignores, such as `h2c`.

The parser stops at the head of such a request: it leaves the body and all further
bytes to the protocol that would follow. A server that ignores the offer (RFC 9110,
section 7.8) has to read on. Rules:
- The peer's bytes are not parsed twice: a new parser gets a synthetic head that frames
  the body like the peer's, and then the bytes that the first has not parsed.
- The synthetic head triggers no callback: the request began with the peer's head.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

import httptools

_FRAMING = (b"content-length", b"transfer-encoding")


class ParserEvents(Protocol):
    """The callbacks of httptools' parser."""

    def on_message_begin(self) -> None:
        """Called when a request begins."""

    def on_url(self, url: bytes) -> None:
        """Called with the target, or a part of it."""

    def on_header(self, name: bytes, value: bytes) -> None:
        """Called per header."""

    def on_headers_complete(self) -> None:
        """Called when the head is complete."""

    def on_body(self, body: bytes) -> None:
        """Called with a part of the body."""

    def on_message_complete(self) -> None:
        """Called when the request is complete."""


class _AfterHead:
    """Forwards a parser's callbacks after its first head."""

    def __init__(self, events: ParserEvents) -> None:
        self._events = events
        self._is_in_head = True

    def on_message_begin(self) -> None:
        if not self._is_in_head:
            self._events.on_message_begin()

    def on_url(self, url: bytes) -> None:
        if not self._is_in_head:
            self._events.on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        if not self._is_in_head:
            self._events.on_header(name, value)

    def on_headers_complete(self) -> None:
        if self._is_in_head:
            self._is_in_head = False
        else:
            self._events.on_headers_complete()

    def on_body(self, body: bytes) -> None:
        self._events.on_body(body)

    def on_message_complete(self) -> None:
        self._events.on_message_complete()


def parser_of_the_rest(
    events: ParserEvents, version: str, headers: Iterable[tuple[bytes, bytes]]
) -> httptools.HttpRequestParser:
    """A parser that has read the head of a request, but not its body.

    `headers` are the request's, with names in lower case. Feed it the bytes after the
    head, even if b"": that completes a request without a body.
    """
    parser = httptools.HttpRequestParser(_AfterHead(events))
    head = [b"POST / HTTP/%b\r\n" % version.encode()]
    head += [b"%b: %b\r\n" % field for field in headers if field[0] in _FRAMING]
    parser.feed_data(b"".join((*head, b"\r\n")))
    return parser
