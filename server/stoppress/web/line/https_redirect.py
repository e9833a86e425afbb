"""The port for plain HTTP beside a TLS port: every request is redirected to https.

Rules: one answer per connection, 308, which keeps method and body. The address is that
of `public_url` if it is set, else the Host of the request with the TLS port. A request
without a valid Host or path is refused. `head_limits` bounds time and length.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import cast

import httptools

from stoppress.settings import Settings
from stoppress.web.line.head_checks import (
    BAD_REQUEST,
    TOO_LARGE,
    is_host,
    refusal_response,
)
from stoppress.web.line.head_limits import HeadLimits
from stoppress.web.line.lingering_close import LingeringClose

_REDIRECT = b"308 Permanent Redirect"
_HTTPS_PORT = 443
_TEXT = b"This site is at https."
_NO_ADDRESS = b"The request needs a path and one valid Host header."


def https_address(settings: Settings, host: bytes | None, target: bytes) -> str | None:
    """The address to redirect to; None if the request has no valid one."""
    if not target.startswith(b"/") or not target.isascii():
        return None
    path = target.decode()
    if settings.public_url:
        return settings.origin + path
    if host is None or not is_host(host):
        return None
    name = host.decode()
    if not name.endswith("]"):
        name = name.rpartition(":")[0] if ":" in name else name
    if not name:
        return None
    port = "" if settings.port == _HTTPS_PORT else f":{settings.port}"
    return f"https://{name}{port}{path}"


def https_redirect(
    settings: Settings, head_limits: HeadLimits, lingering_close: LingeringClose
) -> Callable[[], HttpsRedirect]:
    """The factory of connections on the plain port."""
    return lambda: HttpsRedirect(settings, head_limits, lingering_close)


class HttpsRedirect(asyncio.Protocol):
    """One connection on the plain port."""

    def __init__(
        self,
        settings: Settings,
        head_limits: HeadLimits,
        lingering_close: LingeringClose,
    ) -> None:
        self._settings = settings
        self._limits = head_limits
        self._lingering_close = lingering_close
        self._is_answered = False
        self._parser = httptools.HttpRequestParser(self)
        self._size = 0
        self._target = b""
        self._hosts: list[bytes] = []
        self._transport: asyncio.Transport

    # asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin the time limit."""
        self._transport = cast(asyncio.Transport, transport)
        self._limits.begin(self)

    def data_received(self, data: bytes) -> None:
        """Read the head."""
        self._size += len(data)
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            return
        except httptools.HttpParserError:
            self._answer(BAD_REQUEST, b"This is not HTTP.")
        else:
            if self._limits.is_too_long(self._size):
                self._answer(TOO_LARGE, b"The head of the request is too long.")

    def connection_lost(self, exc: Exception | None) -> None:
        """End the time limit."""
        self._limits.end(self)

    def head_timed_out(self) -> None:
        """Close: the head was not complete in time."""
        self._transport.abort()

    # httptools

    def on_url(self, url: bytes) -> None:
        """Add to the target."""
        self._target += url

    def on_header(self, name: bytes, value: bytes) -> None:
        """Keep the values of Host."""
        if name.lower() == b"host":
            self._hosts.append(value)

    def on_headers_complete(self) -> None:
        """Answer."""
        host = self._hosts[0] if len(self._hosts) == 1 else None
        address = https_address(self._settings, host, self._target)
        if address is None:
            self._answer(BAD_REQUEST, _NO_ADDRESS)
        else:
            self._answer(_REDIRECT, _TEXT, f"Location: {address}\r\n".encode())

    def _answer(self, status: bytes, text: bytes, headers: bytes = b"") -> None:
        """Answer once: after a redirect, the rest of the segment may be no HTTP."""
        if not self._is_answered:
            self._is_answered = True
            self._limits.end(self)
            self._transport.write(refusal_response(status, text, headers))
            self._lingering_close.close(self._transport, self)
