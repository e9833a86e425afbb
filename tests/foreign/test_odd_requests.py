"""Valid requests as few clients write them, byte by byte, to the hub itself.

Each is answered as the same request written plainly would be.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import pytest

from tests.conftest import Server
from tests.foreign.raw_socket import RawSocket, in_pieces

STATUS = re.compile(rb"HTTP/1\.1 (\d{3}) ")
BODY = b'{"body":"odd"}'
WEBSOCKET = (
    "Connection: Upgrade",
    "Upgrade: websocket",
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
    "Sec-WebSocket-Version: 13",
)
STREAM = "Accept: text/event-stream"
CLOSE = "Connection: close"


class Requests:
    """Makes requests about one feed, and reads what is answered."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._slug = server.new_feed()
        self.feed = f"/v1/feeds/{self._slug}"
        self.live = f"/v1/live?feed={self._slug}"
        self.page = f"/live/{self._slug}"
        self.before = len(self._posts())

    def _posts(self) -> list[object]:
        posts: list[object] = self._server.request("GET", self.feed).json()["posts"]
        return posts

    @property
    def published(self) -> int:
        """How many posts came."""
        return len(self._posts()) - self.before

    def get(
        self, target: str, *lines: str, host: str = "news.example", version: str = "1.1"
    ) -> bytes:
        """A GET."""
        head = [f"GET {target} HTTP/{version}", f"Host: {host}", *lines, "", ""]
        return "\r\n".join(head).encode()

    def post(
        self, *lines: str, body: bytes = BODY, origin: str = "", version: str = "1.1"
    ) -> bytes:
        """A POST of a post, with its length unless a line says how it is framed."""
        given = [f"POST {origin}{self.feed}/posts HTTP/{version}", "Host: news.example"]
        given += [f"Authorization: Bearer {self._server.token}", *lines]
        if not any(line.startswith("Transfer-Encoding") for line in lines):
            given.append(f"Content-Length: {len(body)}")
        return "\r\n".join([*given, "", ""]).encode() + body

    def statuses(self, *pieces: bytes) -> list[bytes]:
        """What is answered until the end of the connection."""
        with RawSocket(self._server.url) as line:
            line.send(*pieces)
            return STATUS.findall(line.rest())

    def hears(self, *pieces: bytes) -> None:
        """Send, and wait for the hello of a live line."""
        with RawSocket(self._server.url) as line:
            line.send(*pieces)
            line.until(b'"hello"')


@pytest.fixture(scope="module")
def requests(server: Server) -> Requests:
    """Requests about a feed of this module."""
    return Requests(server)


def test_pipelined_requests_are_answered_in_turn(requests: Requests) -> None:
    """Reads and writes, in one segment; the last one closes the connection."""
    made = requests.published
    every = requests.post() + requests.get("/healthz") + requests.post()
    assert requests.statuses(every + requests.get("/healthz", CLOSE)) == [
        *(b"201", b"200", b"201", b"200")
    ]
    assert requests.published == made + 2
    fifty = requests.get("/healthz") * 49 + requests.get("/healthz", CLOSE)
    assert requests.statuses(fifty) == [b"200"] * 50


@pytest.mark.parametrize(
    "line", [CLOSE, "connection: CLOSE", "Connection:\tkeep-alive ,  close"]
)
def test_connection_close_is_obeyed(requests: Requests, line: str) -> None:
    """In any case, in a list; a stream stays open until its end."""
    assert requests.statuses(requests.get(requests.feed, line)) == [b"200"]
    requests.hears(requests.get(f"{requests.feed}/events", STREAM, line))


@pytest.mark.parametrize("scheme", ["http", "https", "HTTP"])
def test_absolute_targets_are_accepted(requests: Requests, scheme: str) -> None:
    """As clients send them to a proxy."""
    origin = f"{scheme}://[::1]:8000"
    for path in (requests.feed, requests.page, "/healthz", f"{requests.feed}/posts"):
        assert requests.statuses(requests.get(origin + path, CLOSE)) == [b"200"]
    assert requests.statuses(requests.post(CLOSE, origin=origin)) == [b"201"]
    assert requests.statuses(requests.get(origin, CLOSE)) == [b"200"]
    requests.hears(requests.get(f"{origin}{requests.feed}/events", STREAM))
    requests.hears(requests.get(origin + requests.live, *WEBSOCKET))
    requests.hears(requests.get("ws://a.example" + requests.live, *WEBSOCKET))


@pytest.mark.parametrize(
    "host", ["news.example.", "NEWS.example:80", "[::1]:8000", "127.0.0.1", ""]
)
def test_valid_hosts_are_accepted(requests: Requests, host: str) -> None:
    """With a final dot, in capitals, an address of either family, or empty."""
    for path in (requests.feed, requests.page):
        assert requests.statuses(requests.get(path, CLOSE, host=host)) == [b"200"]
    requests.hears(requests.get(requests.live, *WEBSOCKET, host=host))


def test_expect_100_continue_is_answered(requests: Requests) -> None:
    """Not for HTTP/1.0, and not if the request is refused."""
    asked = requests.post("Expect: 100-Continue", CLOSE)
    head, body = asked[: -len(BODY)], asked[-len(BODY) :]
    assert requests.statuses(head, body) == [b"100", b"201"]
    old = requests.post("Expect: 100-continue", version="1.0")
    assert requests.statuses(old) == [b"201"]
    large = requests.post("Expect: 100-continue", CLOSE, body=b" " * (64 << 10) + b"{}")
    assert requests.statuses(large.partition(b"\r\n\r\n")[0] + b"\r\n\r\n") == [b"413"]
    read = requests.get(requests.feed, "Expect: 100-continue", CLOSE)
    assert requests.statuses(read) == [b"200"]


@pytest.mark.parametrize(
    "chunks",
    [
        (b"E\r\n", BODY, b"\r\n0\r\n\r\n"),
        (b"e\r\n", BODY, b"\r\n0\r\n\r\n"),
        (b'000E;a="b;c"\r\n', BODY, b"\r\n000\r\nX-Sum: 1\r\n\r\n"),
        (*(b"1\r\n%c\r\n" % byte for byte in BODY), b"0\r\n\r\n"),
    ],
    ids=["capitals", "small", "extension and trailer", "a byte each"],
)
def test_chunked_bodies_are_read(requests: Requests, chunks: Sequence[bytes]) -> None:
    """However their sizes are written."""
    made = requests.published
    head = requests.post("Transfer-Encoding: Chunked", CLOSE, body=b"")
    assert requests.statuses(head + b"".join(chunks)) == [b"201"]
    assert requests.published == made + 1


def test_a_get_with_an_empty_body_is_accepted(requests: Requests) -> None:
    """Without chunks or of length 0: frameworks add it to every request."""
    for line, body in (("Transfer-Encoding: chunked", b"0\r\n\r\n"), ("", b"")):
        lines = (line or "Content-Length: 0",)
        whole = requests.get(requests.feed, *lines, CLOSE) + body
        assert requests.statuses(whole) == [b"200"]
        requests.hears(requests.get(f"{requests.feed}/events", STREAM, *lines) + body)
    requests.hears(requests.get(requests.live, *WEBSOCKET, "Content-Length: 0"))


def test_segments_of_one_byte_are_read(requests: Requests) -> None:
    """Sent without a pause; the kernel may join them."""
    poll = f"{requests.feed}/events?wait=0"
    for whole, answer in (
        (requests.get(requests.feed, CLOSE), [b"200"]),
        (requests.post(CLOSE), [b"201"]),
        (requests.get(poll, CLOSE), [b"200"]),
    ):
        assert requests.statuses(*in_pieces(whole, 1)) == answer
    requests.hears(*in_pieces(requests.get(requests.live, *WEBSOCKET), 1))
    stream = requests.get(f"{requests.feed}/events", STREAM)
    requests.hears(*in_pieces(stream, 1))


def test_escapes_in_either_case_are_equal(requests: Requests) -> None:
    """A path with needless escapes is the same path."""
    for dash in ("%2D", "%2d"):
        for path in (requests.feed, requests.page):
            target = path.replace("-", dash)
            assert requests.statuses(requests.get(target, CLOSE)) == [b"200"]
        live = requests.live.replace("-", dash)
        requests.hears(requests.get(live, *WEBSOCKET))


def test_a_byte_order_mark_is_skipped(requests: Requests) -> None:
    """Windows tools begin files with one."""
    marked = requests.post(CLOSE, body=b"\xef\xbb\xbf" + BODY)
    assert requests.statuses(marked) == [b"201"]


def test_a_slow_sender_is_answered(requests: Requests) -> None:
    """Head and body in several parts, with pauses between them."""
    assert requests.statuses(*in_pieces(requests.post(CLOSE), 40)) == [b"201"]
