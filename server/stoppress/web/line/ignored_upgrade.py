"""A request that offers an upgrade nobody takes, such as `h2c`, read as it stands.

The parser stops at the head of such a request: it leaves its body, and all that
follows, to the protocol that would come. A server that ignores the offer (RFC 9110,
section 7.8) has to read on. Rules:
- Nothing the peer sent is read twice: a new parser is told a head of our own that
  frames the body as the peer's did, and then gets what the first has not read.
- The head of our own calls nobody: the request began when the peer's was read.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

import httptools

_FRAMING = (b"content-length", b"transfer-encoding")


class ParserEvents(Protocol):
    """What a parser calls (httptools)."""

    def on_message_begin(self) -> None:
        """A request begins."""

    def on_url(self, url: bytes) -> None:
        """The target, or a part of it."""

    def on_header(self, name: bytes, value: bytes) -> None:
        """One header."""

    def on_headers_complete(self) -> None:
        """The head is complete."""

    def on_body(self, body: bytes) -> None:
        """A part of the body."""

    def on_message_complete(self) -> None:
        """The request is complete."""


class _AfterHead:
    """Passes a parser's calls on, once its first head is over."""

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

    `headers` are the request's, with names in small letters. Feed it what follows on
    the head, if only b"": a request without a body is complete then.
    """
    parser = httptools.HttpRequestParser(_AfterHead(events))
    head = [b"POST / HTTP/%b\r\n" % version.encode()]
    head += [b"%b: %b\r\n" % field for field in headers if field[0] in _FRAMING]
    parser.feed_data(b"".join((*head, b"\r\n")))
    return parser
