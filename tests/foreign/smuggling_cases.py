"""Framings in which somebody could read a second request where there is none.

Each holds a whole request that publishes (`INNER`) where the RFCs see a body, a chunk,
a frame or nothing that can be read. A server, or a proxy before it, that reads the
framing otherwise would execute it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

SECRET = b"smuggled"
INNER = (
    b"POST {posts} HTTP/1.1\r\nHost: reader.example\r\n"
    b"Authorization: Bearer {token}\r\nContent-Type: application/json\r\n"
    b'Content-Length: 19\r\n\r\n{"body":"smuggled"}'
)
"""`{posts}` and `{token}` are of the same length in every case of a run: the caller
fills them in before lengths are taken."""


@dataclass(frozen=True)
class Framing:
    """One request. `{size}` in the head is the length of the body."""

    name: str
    head: str
    body: bytes
    """`INNER` in it stands for the request that must not be read."""
    answers: frozenset[int] = frozenset()
    """What the answer may be, if there is one. Empty: whatever it is."""
    must_answer: bool = False
    stays: bool = False
    """Whether the answer goes on for ever: a stream, or a WebSocket."""


MARK = b"<inner>"
GET = "GET {feed} HTTP/1.1"
POST = "POST {posts} HTTP/1.1"
AS_ADMIN = (
    "Host: reader.example",
    "Authorization: Bearer {token}",
    "Content-Type: application/json",
)
REFUSED = frozenset((400, 405, 408, 411, 413, 417, 421, 426, 431, 501, 505))
SIZED = "Content-Length: {size}"
CHUNKED = "Transfer-Encoding: chunked"
UPGRADE = "Connection: Upgrade"
WEBSOCKET = (
    "Upgrade: websocket",
    UPGRADE,
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
    "Sec-WebSocket-Version: 13",
)
OUTER = b'{"body":"outer"}'


def lines(first: str, *more: str, host: bool = True) -> str:
    """A head."""
    usual = AS_ADMIN if host else AS_ADMIN[1:]
    return "\r\n".join((first, *usual, *more, "\r\n"))


def upgrades() -> Iterator[Framing]:
    """An upgrade that is not taken changes nothing; one that is ends HTTP."""
    names = ("h2c", "TLS/1.0", "HTTP/2.0", "foo", "websocket, h2c", "h2c, websocket")
    for name in names:
        more = (f"Upgrade: {name}", UPGRADE, "HTTP2-Settings: AAMAAABkAAQ", SIZED)
        yield Framing(
            f"POST, upgrade to {name}, the request in the body",
            lines(POST, *more),
            b"\r\n" * 4 + MARK,
            REFUSED,
            must_answer=True,
        )
        yield Framing(
            f"GET, upgrade to {name}, the request in the body",
            lines(GET, *more),
            MARK,
            must_answer=True,
        )
    yield Framing(
        "chunked, upgrade to h2c, the request in a chunk",
        lines(POST, "Upgrade: h2c", UPGRADE, CHUNKED),
        b"{chunk}",
        REFUSED,
        must_answer=True,
    )
    yield Framing(
        "an upgrade without a Connection line",
        lines(POST, "Upgrade: h2c", SIZED),
        MARK,
        REFUSED,
        must_answer=True,
    )
    yield Framing(
        "a WebSocket where there is none",
        lines(GET, *WEBSOCKET, SIZED),
        MARK,
    )
    live = "GET /v1/live?feed={slug} HTTP/1.1"
    yield Framing("a handshake with a body", lines(live, *WEBSOCKET, SIZED), MARK)
    yield Framing(
        "a handshake with a chunked body", lines(live, *WEBSOCKET, CHUNKED), b"{chunk}"
    )
    yield Framing(
        "a handshake with an empty chunked body, the request behind it",
        lines(live, *WEBSOCKET, CHUNKED),
        b"0\r\n\r\n" + MARK,
    )
    for name, line in (
        ("of version 8", "Sec-WebSocket-Version: 8"),
        ("of version 777", "Sec-WebSocket-Version: 777"),
        ("without a version", "X-None: 1"),
    ):
        yield Framing(
            f"a handshake {name}, the request behind it",
            lines(live, *WEBSOCKET[:3], line),
            MARK,
            REFUSED,
        )
    yield Framing(
        "a handshake without a key, the request behind it",
        lines(live, *WEBSOCKET[:2], WEBSOCKET[3]),
        MARK,
        REFUSED,
    )
    yield Framing(
        "a handshake that is posted, the request behind it",
        lines("POST /v1/live?feed={slug} HTTP/1.1", *WEBSOCKET),
        MARK,
        REFUSED,
    )
    yield Framing(
        "a handshake of an unknown feed, the request behind it",
        lines("GET /v1/live?feed=none-at-all HTTP/1.1", *WEBSOCKET),
        MARK,
        frozenset((101,)),
    )
    yield Framing(
        "a handshake, the request behind it",
        lines(live, *WEBSOCKET),
        MARK,
        frozenset((101,)),
    )
    yield Framing(
        "CONNECT, the request behind it",
        lines("CONNECT reader.example:80 HTTP/1.1"),
        MARK,
    )
    yield Framing(
        "the preface of HTTP/2, the request behind it",
        "PRI * HTTP/2.0\r\n\r\n",
        b"SM\r\n\r\n" + MARK,
    )


def both_lengths() -> Iterator[Framing]:
    """Content-Length and Transfer-Encoding that contradict each other or themselves."""
    end = b"0\r\n\r\n"
    yield Framing("CL and TE", lines(POST, SIZED, CHUNKED), end + MARK, REFUSED)
    yield Framing("TE and CL", lines(POST, CHUNKED, SIZED), end + MARK, REFUSED)
    yield Framing(
        "CL and TE, the request in a chunk",
        lines(POST, "Content-Length: 4", CHUNKED),
        b"{chunk}",
        REFUSED,
    )
    for name, line in (
        ("xchunked", "Transfer-Encoding: xchunked"),
        ("chunked, identity", "Transfer-Encoding: chunked, identity"),
        ("identity, chunked", "Transfer-Encoding: identity, chunked"),
        ("chunked twice", "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked"),
        ("chunked, then gzip", "Transfer-Encoding: chunked, gzip"),
        ("a vertical tab", "Transfer-Encoding: chunked\x0b"),
        ("a leading tab and junk", "Transfer-Encoding: \x0bchunked"),
        ("quotes", 'Transfer-Encoding: "chunked"'),
        ("a space before the colon", "Transfer-Encoding : chunked"),
        ("a tab before the colon", "Transfer-Encoding\t: chunked"),
        ("a folded line", "Transfer-Encoding:\r\n chunked"),
        ("a line folded after it", "Transfer-Encoding: chunked\r\n x"),
        ("a folded line before", "X-Fold: y\r\n Transfer-Encoding: chunked"),
        ("a bare CR before", "X-Bare: y\rTransfer-Encoding: chunked"),
        ("a bare LF before", "X-Bare: y\nTransfer-Encoding: chunked"),
        ("a NUL", "Transfer-Encoding: chunked\x00"),
        ("an underscore", "Transfer_Encoding: chunked"),
        ("two names in one", "Transfer-Encoding: identity\r\n" + CHUNKED),
    ):
        yield Framing(
            f"CL, and TE with {name}", lines(POST, SIZED, line), end + MARK, REFUSED
        )
    yield Framing(
        "TE of HTTP/1.0",
        lines("POST {posts} HTTP/1.0", "Connection: keep-alive", SIZED, CHUNKED),
        end + MARK,
        REFUSED,
    )
    for name, line in (
        ("two that differ", "Content-Length: 0\r\n" + SIZED),
        ("two that differ, the other way", SIZED + "\r\nContent-Length: 0"),
        ("two in one line", "Content-Length: 0, {size}"),
        ("a sign", "Content-Length: +0"),
        ("a minus", "Content-Length: -1"),
        ("hexadecimal", "Content-Length: 0x0"),
        ("nothing", "Content-Length:"),
        ("a space within", "Content-Length: 0 {size}"),
        ("an exponent", "Content-Length: 0e1"),
        ("more than 64 bits", "Content-Length: 18446744073709551616"),
        ("a folded line", "Content-Length: 0\r\n {size}"),
        ("a space before the colon", "Content-Length : 0"),
        ("a vertical tab", "Content-Length: \x0b0"),
        ("a NUL", "Content-Length: 0\x00"),
    ):
        yield Framing(f"CL with {name}", lines(POST, line), MARK, REFUSED)


def chunks() -> Iterator[Framing]:
    """Chunks that only some readers would take for chunks."""
    size = b"%x" % len(OUTER)
    for name, body in (
        ("0x before the size", b"0x0\r\n\r\n" + MARK),
        ("a plus before the size", b"+0\r\n\r\n" + MARK),
        ("a minus before the size", b"-0\r\n\r\n" + MARK),
        ("a space before the size", b" 0\r\n\r\n" + MARK),
        ("a size of nothing", b"\r\n\r\n" + MARK),
        ("a size of no digits", b"g\r\n\r\n" + MARK),
        ("a size of 17 digits", b"10000000000000000\r\n\r\n" + MARK),
        ("a size of 65 bits", b"1FFFFFFFFFFFFFFFF\r\n" + OUTER + b"\r\n" + MARK),
        ("bare LF after the size", size + b"\n" + OUTER + b"\r\n0\r\n\r\n" + MARK),
        ("bare LF after the data", size + b"\r\n" + OUTER + b"\n0\r\n\r\n" + MARK),
        ("bare LF at the end", size + b"\r\n" + OUTER + b"\r\n0\n\n" + MARK),
        ("bare CR after the size", size + b"\r" + OUTER + b"\r\n0\r\n\r\n" + MARK),
        ("no line end after the data", size + b"\r\n" + OUTER + b"0\r\n\r\n" + MARK),
        ("more data than told", b"1\r\n" + OUTER + b"\r\n0\r\n\r\n" + MARK),
        ("bare LF in an extension", size + b";a\nb\r\n" + OUTER + b"\r\n" + MARK),
        ("bare CR in an extension", size + b";a\rb\r\n" + OUTER + b"\r\n" + MARK),
        ("NUL in an extension", size + b";\x00\r\n" + OUTER + b"\r\n0\r\n\r\n" + MARK),
        ("a space within the size", b"0 0\r\n\r\n" + MARK),
    ):
        yield Framing(name, lines(POST, CHUNKED), body, REFUSED)
    yield Framing(
        "a trailer that is no header",
        lines(POST, CHUNKED),
        size + b"\r\n" + OUTER + b"\r\n0\r\nno header\r\n\r\n" + MARK,
    )


def heads() -> Iterator[Framing]:
    """Heads that are read differently, and bodies where few expect one."""
    for name, first, *more in (
        ("a name with a space", POST, "X Y: z", "Content-Length: 0"),
        ("a line without a colon", POST, "nothing", "Content-Length: 0"),
        ("an empty name", POST, ": x", "Content-Length: 0"),
        ("a NUL in a value", POST, "X-Y: a\x00b", "Content-Length: 0"),
        ("a bare CR in a value", POST, "X-Y: a\rb", "Content-Length: 0"),
        ("HTTP/9.9", "POST {posts} HTTP/9.9", "Content-Length: 0"),
        ("small http", "POST {posts} http/1.1", "Content-Length: 0"),
        ("no version", "POST {posts}", "Content-Length: 0"),
        ("a space in the target", "POST {posts} x HTTP/1.1", "Content-Length: 0"),
        ("a tab in the first line", "POST\t{posts}\tHTTP/1.1", "Content-Length: 0"),
        ("an unknown method", "P\x00ST {posts} HTTP/1.1", "Content-Length: 0"),
    ):
        yield Framing(name, lines(first, *more), MARK, REFUSED)
    for name, host in (
        ("two hosts", "Host: a.example\r\nHost: b.example"),
        ("no host", "X-None: 1"),
        ("a host with a path", "Host: a.example/path"),
    ):
        yield Framing(
            name,
            lines(POST, host, SIZED, host=False),
            OUTER,
            frozenset((400,)),
            must_answer=True,
        )
    yield Framing(
        "a first header that is folded",
        POST + "\r\n X: y\r\n" + lines("X-Z: y", "Content-Length: 0"),
        MARK,
        REFUSED,
    )
    for method in ("GET", "HEAD", "DELETE", "OPTIONS", "TRACE", "PUT"):
        yield Framing(
            f"{method} with a body",
            lines(f"{method} {{feed}} HTTP/1.1".replace("{feed}", "{nowhere}"), SIZED),
            MARK,
            must_answer=True,
        )
    yield Framing("GET with a chunked body", lines(GET, CHUNKED), b"{chunk}")
    yield Framing(
        "a body announced by Expect",
        lines(POST, SIZED, "Expect: 100-continue"),
        MARK,
        REFUSED | {100},
    )
    yield Framing(
        "a body that no expectation covers",
        lines(POST, SIZED, "Expect: 200-maybe"),
        MARK,
        REFUSED,
    )
    events = "GET {feed}/events HTTP/1.1"
    stream = "Accept: text/event-stream"
    yield Framing(
        "a stream with a body", lines(events, stream, SIZED), MARK, stays=True
    )
    yield Framing(
        "a stream, the request behind it", lines(events, stream), MARK, stays=True
    )
    yield Framing("a poll with a body", lines(events, SIZED), MARK, must_answer=True)
    yield Framing(
        "a body over the limit",
        lines(POST, SIZED),
        b" " * 70_000 + MARK,
        frozenset((413,)),
        must_answer=True,
    )


FRAMINGS = (*upgrades(), *both_lengths(), *chunks(), *heads())
