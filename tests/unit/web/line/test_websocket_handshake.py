"""The handshake of a WebSocket, as a server reads it."""

from __future__ import annotations

import pytest

from stoppress.web.line.websocket_handshake import accepted, agreement, head

ASKED = {
    b"upgrade": b"websocket",
    b"connection": b"keep-alive, Upgrade",
    b"sec-websocket-key": b"dGhlIHNhbXBsZSBub25jZQ==",
    b"sec-websocket-version": b"13",
}


def test_the_accept_key_follows_the_standard() -> None:
    """The example of RFC 6455, section 1.3."""
    accept = accepted(ASKED)
    assert accept == b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
    assert accepted(ASKED | {b"upgrade": b"WebSocket"}) == accept
    assert head(accept, "").splitlines()[0] == b"HTTP/1.1 101 Switching Protocols"
    assert b"Sec-WebSocket-Accept: " + accept + b"\r\n\r\n" in head(accept, "")


@pytest.mark.parametrize(
    "changed",
    [
        {b"upgrade": b"h2c"},
        {b"connection": b"keep-alive"},
        {b"connection": b"upgraded"},
        {b"sec-websocket-version": b"8"},
        {b"sec-websocket-key": b""},
        {b"sec-websocket-key": b"dGhlIHNhbXBsZQ=="},
        {b"sec-websocket-key": b"not base 64!"},
        {b"content-length": b"3"},
        {b"transfer-encoding": b"chunked"},
        {b"expect": b"100-continue"},
    ],
)
def test_an_irregular_handshake_is_left_to_the_library(
    changed: dict[bytes, bytes],
) -> None:
    """The library answers with its own refusal."""
    assert accepted(ASKED | changed) is None


def test_each_required_header_is_needed() -> None:
    for name in ASKED:
        assert accepted({key: v for key, v in ASKED.items() if key != name}) is None


def test_compression_is_accepted_if_offered() -> None:
    """Also named in the answer's header."""
    assert agreement(ASKED) == ""
    offered = {b"sec-websocket-extensions": b"permessage-deflate"}
    agreed = agreement(ASKED | offered)
    assert agreed.startswith("permessage-deflate")
    line = b"Sec-WebSocket-Extensions: " + agreed.encode() + b"\r\n"
    assert line in head(b"x", agreed)
    with pytest.raises(ValueError, match="."):
        agreement({b"sec-websocket-extensions": b"=;="})
