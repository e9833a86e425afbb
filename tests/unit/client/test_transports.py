"""One reader's line, and which answers end it for good."""

from __future__ import annotations

import ssl
from typing import Any

import httpx
import pytest

from stoppress.client import transports
from stoppress.client.api_errors import InvalidArgument
from stoppress.client.line_credential import LineCredential
from stoppress.client.transports import _check

LINE = next(kind for kind in vars(transports).values() if hasattr(kind, "snapshot"))
REFUSED: Any = next(
    kind
    for kind in vars(transports).values()
    if isinstance(kind, type)
    and issubclass(kind, Exception)
    and kind.__module__ == transports.__name__
)


@pytest.mark.parametrize(
    ("status", "code"),
    [(204, 4410), (401, 4401), (403, 4403), (404, 4404), (410, 4410), (422, 4400)],
)
def test_an_answer_that_another_try_would_not_change_is_final(
    status: int, code: int
) -> None:
    """With the close code that says the same on a socket."""
    with pytest.raises(REFUSED) as refused:
        _check(status, b'{"detail":"so it is"}')
    assert refused.value.code == code
    assert str(refused.value) in ("so it is", "the feed has ended")


@pytest.mark.parametrize("status", [200, 408, 429, 500, 502, 503])
def test_any_other_is_worth_another_try(status: int) -> None:
    _check(status, b"<html>")


def test_a_refusal_without_a_reason_has_one() -> None:
    """An error page of a proxy, say; or a code alone."""
    with pytest.raises(REFUSED, match="answered 404"):
        _check(404, b"<html>")
    assert str(REFUSED(4404, "")) == "not found"
    assert str(REFUSED(4499, "")) == "the server ended the line with 4499"


KIND = "text/event-stream"


def line(*answers: tuple[int, Any]) -> tuple[Any, list[httpx.Request]]:
    """A line to a server that answers in turn, and what that was asked."""
    asked: list[httpx.Request] = []
    left = list(answers)

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        status, body = left.pop(0)
        if status == 0:
            raise httpx.ConnectError("nobody there")
        if isinstance(body, Exception):
            raise body
        if isinstance(body, bytes):
            return httpx.Response(status, content=body, headers={"content-type": KIND})
        return httpx.Response(status, json=body)

    http = httpx.AsyncClient(transport=httpx.MockTransport(answer), base_url="http://x")
    return LINE(http, "x", LineCredential("sp_t")), asked


@pytest.mark.parametrize("feed", ["", ".", ".."])
def test_a_feed_that_would_be_another_address_is_refused(feed: str) -> None:
    """Before anything is sent."""
    with pytest.raises(InvalidArgument, match="feed="):
        LINE(httpx.AsyncClient(), feed, LineCredential("sp_t"))


@pytest.mark.asyncio
async def test_a_poll_goes_on_from_where_it_was() -> None:
    """Hello once, then events; it ends when nobody answers."""
    event = {"type": "post.published", "cursor": "e-2", "post": {"id": "p"}}
    one, asked = line(
        (200, {"cursor": "e-1", "events": []}),
        (200, {"cursor": "e-2", "events": [event]}),
        (200, {"reset": True, "cursor": "f-0", "retry_ms": 5}),
        (0, None),
    )
    got = [message async for message in one.open("poll", None)]
    assert [message["type"] for message in got] == ["hello", "post.published", "reset"]
    assert [dict(one.url.params).get("since") for one in asked] == [
        *(None, "e-1", "e-2", "f-0"),
    ]
    assert asked[0].headers["authorization"] == "Bearer sp_t"


@pytest.mark.asyncio
async def test_a_snapshot_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """Until the server has come so far; who can't have it is told."""
    monkeypatch.setattr("random.uniform", lambda *_: 0.0)
    one, asked = line((503, {}), (200, {"cursor": "e-9"}))
    assert await one.snapshot("e-8") == {"cursor": "e-9"}
    assert [dict(request.url.params) for request in asked] == [{"at": "e-8"}] * 2
    assert await line((0, None))[0].snapshot("e-8") is None
    away: list[tuple[int, Any]] = [(503, {})] * transports.SNAPSHOT_TRIES
    assert await line(*away)[0].snapshot("e-8") is None
    with pytest.raises(REFUSED, match="gone"):
        await line((404, {"detail": "gone"}))[0].snapshot("e-8")


HELLO = b'data:{"type":"hello","cursor":"e-1","beat":9}\n\n'


def no_certificate() -> httpx.ConnectError:
    """As httpx has it: the cause is further down."""
    wrong = ssl.SSLCertVerificationError(1, "certificate verify failed")
    wrong.verify_message = "self-signed certificate"
    middle = OSError("connect")
    middle.__context__ = wrong
    error = httpx.ConnectError("connect")
    error.__cause__ = middle
    return error


@pytest.mark.parametrize("transport", ["sse", "poll"])
@pytest.mark.parametrize(
    "answer",
    [(301, {}), (200, {}), (200, []), (200, {"cursor": 1}), (200, {"cursor": "e"})],
)
@pytest.mark.asyncio
async def test_another_server_is_a_refusal(transport: Any, answer: Any) -> None:
    """At a wrong address a reader would try for ever, or fail with a fault."""
    one, _ = line(answer)
    with pytest.raises(REFUSED, match="http://x is not a Stop Press server") as refused:
        _ = [message async for message in one.open(transport, None)]
    assert refused.value.code == 4400


@pytest.mark.parametrize(
    ("transport", "data"),
    [
        ("sse", b"data:<html>\n\n"),
        ("sse", b"data:[]\n\n"),
        ("sse", b'data:{"type":"hello"}\n\n'),
        ("poll", b"<html>"),
        ("poll", b'{"cursor":"e-1","events":7}'),
    ],
)
@pytest.mark.asyncio
async def test_what_is_not_the_protocol_is_a_refusal(transport: Any, data: Any) -> None:
    """Also with the right status and type."""
    one, _ = line((200, data))
    with pytest.raises(REFUSED, match="is not a Stop Press server"):
        _ = [message async for message in one.open(transport, None)]


@pytest.mark.parametrize("transport", ["sse", "poll"])
@pytest.mark.asyncio
async def test_a_certificate_that_can_not_be_verified_is_a_refusal(
    transport: Any,
) -> None:
    one, _ = line((200, no_certificate()))
    with pytest.raises(REFUSED, match="no valid certificate: self-signed"):
        _ = [message async for message in one.open(transport, None)]


@pytest.mark.parametrize(
    "later", [(301, {}), (200, {}), (200, b"data:<html>\n\n"), (200, no_certificate())]
)
@pytest.mark.asyncio
async def test_after_the_first_hello_it_is_a_broken_line(later: Any) -> None:
    """A proxy's page while the server restarts, say."""
    one, _ = line((200, HELLO), later)
    assert len([message async for message in one.open("sse", None)]) == 1
    assert [message async for message in one.open("sse", "e-1")] == []
    one, _ = line((200, {"cursor": "e-1", "events": []}), later)
    assert len([message async for message in one.open("poll", None)]) == 1


@pytest.mark.asyncio
async def test_a_snapshot_that_is_none_is_a_broken_line() -> None:
    """It comes after a reset, and so from a server that was known."""
    for answer in ((200, b"<html>"), (200, {}), (200, {"cursor": 7})):
        assert await line(answer)[0].snapshot("e-8") is None
