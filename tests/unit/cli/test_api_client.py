"""What a command does with what a server answers."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import ClassVar

import click
import pytest

from stoppress.cli.api_client import ApiClient, CallFailed


@contextmanager
def answering(*answers: tuple[int, bytes] | None) -> Iterator[tuple[str, list[str]]]:
    """A server with these answers, in turn (None: it hangs up); what it was sent."""
    keys: list[str] = []
    left = list(answers)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.0"
        seen: ClassVar = keys

        def do_POST(self) -> None:
            self.seen.append(self.headers["idempotency-key"])
            self.rfile.read(int(self.headers.get("content-length", 0)))
            answer = left.pop(0)
            if answer is not None:
                self.send_response(answer[0])
                self.end_headers()
                self.wfile.write(answer[1])

        do_GET = do_POST  # its name is the library's

        def log_message(self, format: str, *args: object) -> None:
            """Keep quiet."""

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}", keys
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """No time passes between two tries."""
    monkeypatch.setattr("time.sleep", lambda seconds: None)


def test_a_write_is_repeated_under_its_key_until_it_is_settled() -> None:
    """503, and a connection that broke, leave the outcome open."""
    with answering((503, b""), None, (502, b"<html>"), (201, b'{"a":1}')) as (
        url,
        keys,
    ):
        assert ApiClient(url, "t").write("POST", "/v1/feeds", {}) == {"a": 1}
    assert len(keys) == 4 and len(set(keys)) == 1 and len(keys[0]) >= 16


def test_a_key_that_was_given_is_used() -> None:
    """So that whoever calls may repeat, too."""
    with answering((503, b""), (201, b"{}")) as (url, keys):
        ApiClient(url, "t").write("POST", "/v1/feeds", {}, idempotency_key="mine")
    assert keys == ["mine", "mine"]


def test_a_refusal_is_not_repeated() -> None:
    """What the server explains is the error."""
    problem = b'{"title":"Conflict","detail":"the slug is taken"}'
    with answering((409, problem)) as (url, keys):
        with pytest.raises(CallFailed, match="the slug is taken"):
            ApiClient(url, "t").write("POST", "/v1/feeds", {})
    assert len(keys) == 1


def test_patience_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    """After RETRY_FOR_S the last answer is the error."""
    clock = iter(range(0, 1000, 20))
    monkeypatch.setattr("stoppress.cli.api_client.time.monotonic", lambda: next(clock))
    away = (503, b'{"detail":"Redis is away"}')
    with answering(away, away, away) as (url, keys):
        with pytest.raises(CallFailed, match="Redis is away"):
            ApiClient(url, "t").write("POST", "/v1/feeds", {})
    assert len(keys) == 2


def test_reading_is_tried_once() -> None:
    """Whoever reads can ask again."""
    with answering((503, b'{"title":"Away"}')) as (url, keys):
        with pytest.raises(CallFailed, match="Away"):
            ApiClient(url, None).get("/v1/feeds")
    assert len(keys) == 1


def test_what_is_no_stop_press_is_told() -> None:
    """A page of something else is no answer."""
    with answering((200, b"<html>"), (404, b"[]")) as (url, _):
        with pytest.raises(CallFailed, match="is not a Stop Press server"):
            ApiClient(url, None).get("/")
        with pytest.raises(CallFailed, match="answered 404 Not Found"):
            ApiClient(url, None).get("/")


@pytest.mark.parametrize("url", ["", "x", "ftp://x", "http://", "http:/x y"])
def test_an_address_that_is_none_is_misuse(url: str) -> None:
    """Told before anything is sent."""
    with pytest.raises(click.UsageError, match="--url"):
        ApiClient(url, None)


def test_a_token_that_is_none_is_misuse() -> None:
    """A typographic dash, say, got in by copying."""
    with pytest.raises(click.UsageError, match="--token"):
        ApiClient("http://127.0.0.1:1", "sp_–")
