"""What a command does with what a server answers."""

from __future__ import annotations

import sys

import click
import pytest

from stoppress.cli.api_client import ApiClient, CallFailed
from stoppress.client.api_errors import InvalidEnvironment
from tests.unit.client.answering_server import answering


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """No time passes between two tries."""
    monkeypatch.setattr("time.sleep", lambda seconds: None)


def test_a_write_is_repeated_under_its_key_until_it_is_settled() -> None:
    """503, and a connection that broke, leave the outcome open."""
    with answering((503, b""), None, (502, b"<html>"), (201, b'{"a":1}')) as (
        url,
        received,
    ):
        assert ApiClient(url, "t").write("POST", "/v1/feeds", {}) == {"a": 1}
    keys = [one.headers["idempotency-key"] for one in received]
    assert len(keys) == 4 and len(set(keys)) == 1 and len(keys[0]) >= 16


def test_a_key_that_was_given_is_used() -> None:
    """So that the caller may repeat, too."""
    with answering((503, b""), (201, b"{}")) as (url, received):
        ApiClient(url, "t").write("POST", "/v1/feeds", {}, idempotency_key="mine")
    assert [one.headers["idempotency-key"] for one in received] == ["mine", "mine"]


def test_a_refusal_is_not_repeated() -> None:
    """What the server explains is the error."""
    problem = b'{"title":"Conflict","detail":"the slug is taken"}'
    with answering((409, problem)) as (url, received):
        with pytest.raises(CallFailed, match="the slug is taken"):
            ApiClient(url, "t").write("POST", "/v1/feeds", {})
    assert len(received) == 1


def test_patience_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    """After RETRY_FOR_S the last answer is the error; 0: after the first one."""
    monkeypatch.setattr("stoppress.cli.api_client.RETRY_FOR_S", 0.0)
    with answering((503, b'{"detail":"Redis is away"}')) as (url, received):
        with pytest.raises(CallFailed, match="Redis is away"):
            ApiClient(url, "t").write("POST", "/v1/feeds", {})
    assert len(received) == 1


def test_reading_is_tried_once() -> None:
    """A reader can ask again."""
    with answering((503, b'{"title":"Away"}')) as (url, received):
        with pytest.raises(CallFailed, match="Away"):
            ApiClient(url, None).get("/v1/feeds")
    assert len(received) == 1


def test_an_answer_of_another_kind_of_server_is_an_error() -> None:
    """A page of something else is no answer."""
    with answering((200, b"<html>"), (404, b"[]")) as (url, _):
        with pytest.raises(CallFailed, match="is not a Stop Press server"):
            ApiClient(url, None).get("/")
        with pytest.raises(CallFailed, match="answered 404 Not Found"):
            ApiClient(url, None).get("/")


@pytest.mark.parametrize("url", ["", "x", "ftp://x", "http://", "http:/x y"])
def test_an_invalid_address_is_a_usage_error(url: str) -> None:
    """Told before anything is sent."""
    with pytest.raises(click.UsageError, match="--url"):
        ApiClient(url, None)


def test_an_invalid_token_is_a_usage_error() -> None:
    """A typographic dash, say, got in by copying."""
    with pytest.raises(click.UsageError, match="--token"):
        ApiClient("http://127.0.0.1:1", "sp_–")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("HTTP_PROXY", "socks5://127.0.0.1:1"),
        ("HTTPS_PROXY", "bogus://x"),
        ("SSL_CERT_FILE", "/nonexistent"),
    ],
)
def test_an_environment_that_can_not_be_used_is_told(
    name: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the names of its variables, rather than as an internal error."""
    if name == "HTTP_PROXY":
        monkeypatch.setitem(sys.modules, "socksio", None)
    monkeypatch.setenv(name, value)
    with pytest.raises(InvalidEnvironment, match=f"environment's .*{name}"):
        ApiClient("http://127.0.0.1:1", None)
