"""Requests, as a server sees them, until they are settled."""

from __future__ import annotations

import asyncio

import httpx
import pytest

from stoppress.client.api_errors import InvalidArgument, RequestRefused
from stoppress.client.api_session import (
    ApiRequest,
    ApiSession,
    AsyncApiSession,
    decoded,
)
from tests.unit.client.answering_server import answering


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """No time passes between two attempts."""
    monkeypatch.setattr("stoppress.client.request_attempts.FIRST_WAIT_S", 0.0)


def send(
    url: str, request: ApiRequest, *, is_async: bool, token: str = "sp_t"
) -> httpx.Response:
    """Send it by either session."""
    if not is_async:
        with ApiSession(url, token) as session:
            return session.send(request)

    async def run() -> httpx.Response:
        async with AsyncApiSession(url, token) as session:
            return await session.send(request)

    return asyncio.run(run())


@pytest.mark.parametrize("is_async", [False, True])
def test_a_write_is_repeated_under_its_key(is_async: bool) -> None:
    """503, 429 and a connection that broke; each attempt is the same request."""
    request = ApiRequest.write("PUT", "/v1/x", {"a": 1}, match='"3"')
    answers = ((503, b""), None, (429, b""), (201, b'{"b":2}'))
    with answering(*answers) as (url, received):
        assert decoded(send(url, request, is_async=is_async)) == {"b": 2}
    assert len(received) == 4
    for one in received:
        assert (one.method, one.path, one.body) == ("PUT", "/v1/x", b'{"a":1}')
        assert one.headers["authorization"] == "Bearer sp_t"
        assert one.headers["if-match"] == '"3"'
        assert one.headers["content-type"] == "application/json"
    assert len({one.headers["idempotency-key"] for one in received}) == 1
    assert len(received[0].headers["idempotency-key"]) >= 16


@pytest.mark.parametrize("is_async", [False, True])
def test_a_site_under_a_path(is_async: bool) -> None:
    """The address may have one, with a slash at its end or without."""
    with answering((200, b"{}"), (204, b"")) as (url, received):
        for end in ("", "/"):
            read = ApiRequest("GET", "/v1/feeds")
            send(f"{url}/liveblog{end}", read, is_async=is_async)
    assert [one.path for one in received] == ["/liveblog/v1/feeds"] * 2
    assert "idempotency-key" not in received[0].headers


def test_an_answer_that_is_not_json() -> None:
    """It is a page of something else."""
    with (
        answering((200, b"<html>"), (200, b"[" * 5000), (204, b"")) as (url, _),
        ApiSession(url) as session,
    ):
        for _ in range(2):
            with pytest.raises(RequestRefused, match="is not a Stop Press server"):
                decoded(session.send(ApiRequest("GET", "/")))
        assert decoded(session.send(ApiRequest("GET", "/"))) is None


@pytest.mark.parametrize("url", ["", "x", "ftp://x", "http://", "http:/x y"])
def test_an_invalid_address(url: str) -> None:
    """It is told before anything is sent."""
    for session in (ApiSession, AsyncApiSession):
        with pytest.raises(ValueError, match="url="):
            session(url)
        with pytest.raises(ValueError, match="token"):
            session("http://x", "sp_–")
        with pytest.raises(InvalidArgument, match="token is invalid"):
            session("http://x", "sp_\nx")


@pytest.mark.parametrize("is_async", [False, True])
def test_a_token_from_a_file(is_async: bool) -> None:
    """Its line break is not sent."""
    with answering((200, b"{}")) as (url, received):
        send(url, ApiRequest("GET", "/v1/feeds"), is_async=is_async, token="sp_t\n")
    assert received[0].headers["authorization"] == "Bearer sp_t"


@pytest.mark.parametrize("key", ["", "a\nb", "–"])
def test_an_idempotency_key_that_can_not_be_sent(key: str) -> None:
    """None of its own is made instead."""
    with pytest.raises(InvalidArgument, match="idempotency_key="):
        ApiRequest.write("PUT", "/v1/x", idempotency_key=key)
