"""What is decided by the head of a request."""

from __future__ import annotations

from typing import Any

import pytest

from stoppress.web.line.head_checks import (
    BAD_REQUEST,
    OTHER_CODING,
    OTHER_VERSION,
    has_body,
    has_one_host,
    head_bytes,
    is_host,
    is_stream,
    joined,
    offers_websocket,
    origin_form,
    refusal_response,
    refused_head,
)

OFFER = [(b"connection", b"keep-alive, Upgrade"), (b"upgrade", b"h2c, WebSocket")]


def test_websocket_may_be_one_of_several_upgrades() -> None:
    assert offers_websocket("1.1", OFFER)
    assert not offers_websocket("1.0", OFFER)
    assert not offers_websocket("1.1", OFFER[:1])
    assert not offers_websocket("1.1", OFFER[1:])
    assert not offers_websocket("1.1", [OFFER[0], (b"upgrade", b"h2c")])


def test_a_heads_length_is_the_sum_of_its_lines() -> None:
    text = b"GET /v1/live HTTP/1.1\r\nhost: a\r\nx: yy\r\n\r\n"
    size = head_bytes(b"/v1/live", [(b"host", b"a"), (b"x", b"yy")])
    assert abs(size - len(text)) <= 4


def test_repeated_headers_are_joined() -> None:
    assert joined([(b"a", b"1"), (b"b", b"2"), (b"a", b"3")]) == {
        b"a": b"1, 3",
        b"b": b"2",
    }


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ((b"content-length", b"0"), False),
        ((b"content-length", b"1"), True),
        ((b"transfer-encoding", b"chunked"), True),
        ((b"host", b"a"), False),
    ],
)
def test_two_headers_announce_a_body(
    header: tuple[bytes, bytes], expected: bool
) -> None:
    assert has_body([header]) is expected


def test_path_and_accept_select_a_stream() -> None:
    stream = [(b"accept", b"text/event-stream")]
    scope: dict[str, Any] = {"path": "/v1/feeds/x/events", "headers": stream}
    assert is_stream(scope)
    assert not is_stream(scope | {"path": "/v1/feeds/x"})
    assert not is_stream(scope | {"headers": [(b"accept", b"application/json")]})


def test_a_refusal_closes_the_connection() -> None:
    assert refusal_response(BAD_REQUEST, b"No.", b"X: y\r\n") == (
        b"HTTP/1.1 400 Bad Request\r\nX: y\r\nConnection: close\r\n"
        b"Content-Type: text/plain\r\nX-Content-Type-Options: nosniff\r\n"
        b"Content-Length: 3\r\n\r\nNo."
    )


@pytest.mark.parametrize(
    "host", [b"h", b"live.example.org:8443", b"127.0.0.1", b"[::1]:80", b"", b"a_b"]
)
def test_a_valid_host_is_accepted(host: bytes) -> None:
    """A name or an address, with a port or without; it may be empty."""
    assert is_host(host)
    assert has_one_host("1.1", [(b"accept", b"*/*"), (b"host", host)])


@pytest.mark.parametrize(
    "host", [b"a, b", b"h/path", b"user@h", b"h:80:80", b"h h", b"[::1", b"h:port"]
)
def test_an_invalid_host_is_refused(host: bytes) -> None:
    """A list, a path, user information."""
    assert not is_host(host)
    assert not has_one_host("1.1", [(b"host", host)])


def test_a_request_has_one_host() -> None:
    """RFC 9112, section 3.2; HTTP/1.0 had none."""
    assert not has_one_host("1.1", [])
    assert has_one_host("1.0", [])
    assert not has_one_host("1.0", [(b"host", b"a"), (b"host", b"a")])
    assert not is_host(None)


@pytest.mark.parametrize(
    ("target", "form"),
    [
        (b"/v1/live?feed=a", b"/v1/live?feed=a"),
        (b"http://news.example/v1/live?feed=a", b"/v1/live?feed=a"),
        (b"WSS://[::1]:8000/v1/live", b"/v1/live"),
        (b"http://news.example", b"/"),
        (b"http://news.example?x=1", b"/?x=1"),
        (b"/redirect?to=http://news.example/", b"/redirect?to=http://news.example/"),
        (b"*", b"*"),
        (b"news.example:443", b"news.example:443"),
    ],
)
def test_an_absolute_target_is_read_as_a_path(target: bytes, form: bytes) -> None:
    assert origin_form(target) == form


@pytest.mark.parametrize("version", ["0.9", "1.2", "2.0", "3.0"])
def test_another_version_of_http_is_refused(version: str) -> None:
    refused = refused_head(version, [(b"host", b"a")])
    assert refused is not None and refused[0] == OTHER_VERSION


def test_a_valid_head_is_accepted() -> None:
    assert refused_head("1.1", [(b"host", b"a")]) is None
    assert refused_head("1.0", []) is None
    refused = refused_head("1.1", [])
    assert refused is not None and refused[0] == BAD_REQUEST


@pytest.mark.parametrize(
    ("version", "codings", "status"),
    [
        ("1.1", [b"chunked"], None),
        ("1.1", [b" Chunked "], None),
        ("1.1", [b"gzip, chunked"], OTHER_CODING),
        ("1.1", [b"identity, chunked"], OTHER_CODING),
        ("1.1", [b"chunked", b"chunked"], OTHER_CODING),
        ("1.1", [b"gzip"], OTHER_CODING),
        ("1.1", [b""], OTHER_CODING),
        ("1.0", [b"chunked"], BAD_REQUEST),
    ],
)
def test_transfer_codings(
    version: str, codings: list[bytes], status: bytes | None
) -> None:
    """A body that is encoded otherwise would be read as if it were not."""
    headers = [(b"host", b"a"), *((b"transfer-encoding", one) for one in codings)]
    refused = refused_head(version, headers)
    assert (refused and refused[0]) == status
