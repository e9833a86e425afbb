"""RFC 6455 and RFC 7692 from raw sockets, after the chapters of the Autobahn suite.

The live line echoes nothing, so what is understood shows in its answers: a follow of
an open feed is answered with a `hello` that names it, a ping with its pong. Each case
says what it sends and what must come back, in order; a case that does not end with a
close is followed by one more ping, which must be answered next. What stands before a
violation or a close in one segment may be answered or not ("non-strict" in the suite).

Four paths lead to the same reader: the fast path (the handshake in one segment), the
plain one (the handshake in pieces), frames in the very segment of the handshake, and
the fast path over TLS.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import product

import pytest
import trustme

from tests.conftest import Server, started
from tests.foreign import websocket_frames, websocket_texts
from tests.foreign.raw_socket import (
    CLOSE,
    PING,
    PONG,
    TEXT,
    RawSocket,
    close_frame,
    frame,
    handshake,
    in_pieces,
)
from tests.foreign.websocket_cases import FEEDS, Case, Expected

STILL_THERE = b"still there?"
PATHS = ("fast", "plain", "early", "tls")
EARLY_BYTES = 16 << 10
"""No client may speak before it is answered; how much of it is heard is bounded."""
CASES = (
    *websocket_frames.framing(),
    *websocket_frames.pings(),
    *websocket_frames.reserved_bits(),
    *websocket_frames.opcodes(),
    *websocket_frames.fragmentation(),
    *websocket_texts.utf8(),
    *websocket_frames.closes(),
    *websocket_frames.limits(),
    *websocket_texts.compression(),
)


@pytest.fixture(scope="module")
def secure_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server that speaks TLS itself."""
    folder = tmp_path_factory.mktemp("tls")
    cert, key = folder / "cert.pem", folder / "key.pem"
    made = trustme.CA().issue_cert("127.0.0.1")
    made.private_key_pem.write_to_path(key)
    for number, blob in enumerate(made.cert_chain_pems):
        blob.write_to_path(cert, append=number > 0)
    options = ("--tls-cert", str(cert), "--tls-key", str(key))
    with started(folder / "data", *options) as server:
        yield server


@dataclass(frozen=True)
class OpenFeed:
    """A feed that is open, as are FEEDS, so that the fast path takes connections."""

    url: str
    name: str


@contextmanager
def open_feed(server: Server) -> Iterator[OpenFeed]:
    """It is open as long as a first reader follows it."""
    for name in FEEDS:
        made = server.request("POST", "/v1/feeds", {"slug": name, "title": name})
        assert made.status_code in (201, 409), made.text
    name = server.new_feed()
    with RawSocket(server.url) as first:
        query = "&".join(f"feed={each}" for each in (name, *FEEDS))
        first.send(handshake(f"/v1/live?{query}"))
        head = first.head()
        assert head is not None and head.status == 101
        for _ in (name, *FEEDS):
            assert first.frame() is not None
        yield OpenFeed(server.url, name)


@pytest.fixture(scope="module")
def plain_feed(server: Server) -> Iterator[OpenFeed]:
    """At the server that all tests share."""
    with open_feed(server) as feed:
        yield feed


@pytest.fixture(scope="module")
def secure_feed(secure_server: Server) -> Iterator[OpenFeed]:
    """Over TLS."""
    with open_feed(secure_server) as feed:
        yield feed


@pytest.fixture
def feed(path: str, request: pytest.FixtureRequest) -> OpenFeed:
    """The one behind the path."""
    name = "secure_feed" if path == "tls" else "plain_feed"
    found: OpenFeed = request.getfixturevalue(name)
    return found


def test_the_cases_are_many_and_distinct() -> None:
    """Some of each chapter, each with a name of its own."""
    assert len(CASES) >= 120
    assert len({case.name for case in CASES}) == len(CASES)
    assert {case.name.split()[0].split(".")[0] for case in CASES} >= set("12345679")


@pytest.mark.parametrize(
    ("case", "path"),
    [
        pytest.param(case, path, id=f"{case.name}-{path}")
        for case, path in product(CASES, PATHS)
        if path != "early" or len(case.sends) <= EARLY_BYTES
    ],
)
def test_frames_are_answered_by_the_rfc(feed: OpenFeed, case: Case, path: str) -> None:
    """And by nothing else."""
    more = [f"Sec-WebSocket-Extensions: {case.offer}"] if case.offer else []
    request = handshake(f"/v1/live?feed={feed.name}", *more)
    frames = in_pieces(case.sends, case.piece) if case.piece else [case.sends]
    ends = any(not isinstance(one, str | bytes) for one in case.hears)
    with RawSocket(feed.url) as client:
        if path == "early":
            client.send_each([request + frames[0], *frames[1:]])
        elif path == "plain":
            client.send(request[:60], request[60:])
        else:
            client.send(request)
        head = client.head()
        assert head is not None and head.status == 101
        hello = client.frame()
        assert hello is not None and json.loads(hello.text)["type"] == "hello"
        if path != "early":
            client.send_each(frames)
        if not ends:
            client.send(frame(PING, STILL_THERE))
        heard: list[Expected] = []
        is_there = False
        # A hello may come behind a pong: of each kind, the order is told.
        while ends or not is_there or count(heard, str) < count(case.hears, str):
            said = client.frame()
            if said is None:
                break
            if said.opcode == TEXT:
                message = json.loads(said.text)
                assert message["type"] == "hello", message
                heard.append(str(message["feed"]))
            elif said.opcode == PONG:
                is_there = is_there or said.payload == STILL_THERE
                if said.payload != STILL_THERE:
                    heard.append(said.payload)
            else:
                assert said.opcode == CLOSE
                heard.append(said.code)
                client.send(close_frame(said.code or 1000))
                # The server ends the connection, and says no more.
                assert client.rest() == b""
        assert client.is_over is ends, heard
    assert_heard(heard, case.hears)


def count(heard: Sequence[Expected], kind: type) -> int:
    """How many of a kind there are."""
    return sum(isinstance(one, kind) for one in heard)


def in_order(heard: Sequence[Expected]) -> list[Expected]:
    """The hellos in their order, then the pongs in theirs, then how it ended."""
    return sorted(heard, key=lambda one: (not isinstance(one, str), _is_end(one)))


def _is_end(one: Expected) -> bool:
    return not isinstance(one, str | bytes)


def assert_heard(heard: list[Expected], expected: tuple[Expected, ...]) -> None:
    """What came is what must come; before a close, the first part of it."""
    if not expected or not _is_end(expected[-1]):
        assert in_order(heard) == in_order(expected)
        return
    assert heard, "the connection ended without a close"
    *wanted, last = expected
    assert heard[-1] in (last if isinstance(last, frozenset) else {last}), heard
    assert heard[:-1] == wanted[: len(heard) - 1]


@dataclass(frozen=True)
class Handshake:
    """The lines of a handshake that differ, and the answer."""

    name: str
    status: int | tuple[int, ...]
    request_line: str = "GET /v1/live?feed={feed} HTTP/1.1"
    changes: tuple[tuple[str, str | None], ...] = ()
    """Headers instead of the usual ones, or more; None leaves one out."""
    answers: tuple[tuple[str, str | None], ...] = ()
    """Headers that the answer has; None: has not."""


ANSWERS_WITHIN_S = 60.0
USUAL = {
    "Host": "reader.example",
    "Upgrade": "websocket",
    "Connection": "Upgrade",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
    "Sec-WebSocket-Version": "13",
}
OPENED = (
    ("sec-websocket-accept", "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="),
    ("sec-websocket-protocol", None),
    ("sec-websocket-extensions", None),
)
HANDSHAKES = (
    Handshake("the usual", 101, answers=OPENED),
    Handshake(
        "other cases",
        101,
        changes=(("Upgrade", "WebSocket"), ("Connection", "upgrade")),
        answers=OPENED,
    ),
    Handshake(
        "kept alive, as Firefox asks",
        101,
        changes=(("Connection", "keep-alive, Upgrade"),),
        answers=OPENED,
    ),
    Handshake(
        "a subprotocol",
        101,
        changes=(("Sec-WebSocket-Protocol", "chat, superchat"),),
        answers=OPENED,
    ),
    Handshake(
        "an unknown extension",
        101,
        changes=(("Sec-WebSocket-Extensions", "x-webkit-deflate-frame"),),
        answers=OPENED,
    ),
    Handshake("any origin", 101, changes=(("Origin", "https://else.example"),)),
    Handshake("a null origin", 101, changes=(("Origin", "null"),)),
    Handshake("a cookie of others", 101, changes=(("Cookie", "a=b; c=d"),)),
    Handshake(
        "version 8",
        426,
        changes=(("Sec-WebSocket-Version", "8"),),
        answers=(("sec-websocket-version", "13"),),
    ),
    Handshake(
        "two versions",
        426,
        changes=(("Sec-WebSocket-Version", "8, 13"),),
        answers=(("sec-websocket-version", "13"),),
    ),
    Handshake("no version", (400, 426), changes=(("Sec-WebSocket-Version", None),)),
    Handshake("no key", 400, changes=(("Sec-WebSocket-Key", None),)),
    Handshake("a key of 15 bytes", 400, changes=(("Sec-WebSocket-Key", "AA" * 10),)),
    Handshake(
        "a key that is no base64", 400, changes=(("Sec-WebSocket-Key", "?" * 24),)
    ),
    Handshake("no host", 400, changes=(("Host", None),)),
    Handshake("no upgrade", 426, changes=(("Upgrade", None),)),
    Handshake("an upgrade to something else", 426, changes=(("Upgrade", "h2c"),)),
    Handshake(
        "a connection that is kept", 426, changes=(("Connection", "keep-alive"),)
    ),
    Handshake("posted", (400, 405), request_line="POST /v1/live?feed={feed} HTTP/1.1"),
    Handshake(
        "HTTP/1.0",
        426,
        request_line="GET /v1/live?feed={feed} HTTP/1.0",
    ),
    Handshake(
        "a cookie of 9,000 bytes",
        101,
        changes=(("Cookie", f"a={'x' * 9000}"),),
    ),
    Handshake(
        "130 headers",
        101,
        changes=tuple((f"X-{n}", "y") for n in range(130)),
    ),
    Handshake(
        "a head of 31 KiB",
        101,
        changes=tuple((f"X-{n}", "y" * 1000) for n in range(31)),
    ),
    Handshake(
        "a head of 33 KiB",
        431,
        changes=tuple((f"X-{n}", "y" * 1000) for n in range(33)),
    ),
)


@pytest.mark.parametrize(
    ("case", "path"),
    [
        pytest.param(
            case,
            path,
            id=f"{case.name}-{path}",
        )
        for case, path in product(HANDSHAKES, ("fast", "plain", "tls"))
    ],
)
def test_handshakes_are_answered_by_the_rfc(
    feed: OpenFeed, case: Handshake, path: str
) -> None:
    """On every path, and at once."""
    headers: dict[str, str | None] = {**USUAL, **dict(case.changes)}
    lines = [case.request_line.format(feed=feed.name)]
    lines += [f"{name}: {value}" for name, value in headers.items() if value]
    request = "\r\n".join([*lines, "", ""]).encode()
    with RawSocket(feed.url, ANSWERS_WITHIN_S) as client:
        # What a path over an Ethernet makes of it; three pieces at least.
        size = min(1448, len(request) // 3)
        client.send(*(in_pieces(request, size) if path == "plain" else [request]))
        head = client.head()
        wanted = case.status if isinstance(case.status, tuple) else (case.status,)
        assert head is not None and head.status in wanted, head
        for name, value in case.answers:
            assert head.headers.get(name) == value
        if head.status == 101:
            hello = client.frame()
            assert hello is not None and json.loads(hello.text)["type"] == "hello"
