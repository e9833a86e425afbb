"""A request whose upgrade is ignored is read to its end, and nothing twice."""

from __future__ import annotations

import httptools
import pytest

from stoppress.web.line.ignored_upgrade import parser_of_the_rest

INNER = b"POST /inner HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n"
NEXT = b"GET /next HTTP/1.1\r\nHost: h\r\n\r\n"
CHUNKED = [(b"transfer-encoding", b"chunked")]


class Calls:
    """Writes down what a parser calls."""

    def __init__(self) -> None:
        self.targets: list[bytes] = []
        self.bodies: list[bytes] = []
        self.complete = 0
        self.body = b""

    def on_message_begin(self) -> None:
        """A request begins."""
        self.body = b""

    def on_url(self, url: bytes) -> None:
        """Its target."""
        self.targets.append(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        """A header."""

    def on_headers_complete(self) -> None:
        """The head is complete."""

    def on_body(self, body: bytes) -> None:
        """A part of the body."""
        self.body += body

    def on_message_complete(self) -> None:
        """The request is complete."""
        self.complete += 1
        self.bodies.append(self.body)


@pytest.mark.parametrize("step", [1, 7, 10_000])
@pytest.mark.parametrize(
    ("headers", "sent", "body"),
    [
        ([(b"content-length", b"%d" % len(INNER))], INNER, INNER),
        ([(b"content-length", b"0")], b"", b""),
        ([], b"", b""),
        (CHUNKED, b"%x\r\n%b\r\n0\r\n\r\n" % (len(INNER), INNER), INNER),
        (CHUNKED, b"3;x=y\r\nabc\r\n0\r\nTrailer: t\r\n\r\n", b"abc"),
    ],
)
def test_the_body_after_an_ignored_upgrade_is_read(
    headers: list[tuple[bytes, bytes]], sent: bytes, body: bytes, step: int
) -> None:
    """However it is framed and cut; what follows it is the next request."""
    calls = Calls()
    parser = parser_of_the_rest(calls, "1.1", headers)
    rest = sent + NEXT
    for at in range(0, len(rest), step):
        parser.feed_data(rest[at : at + step])
    assert calls.bodies == [body, b""]
    assert b"".join(calls.targets) == b"/next"


def test_an_invalid_body_is_refused() -> None:
    """As by any parser."""
    parser = parser_of_the_rest(Calls(), "1.1", CHUNKED)
    with pytest.raises(httptools.HttpParserError):
        parser.feed_data(b"not a chunk\r\n")
