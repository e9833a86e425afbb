"""One reader's line, and which answers end it for good."""

from __future__ import annotations

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


def line(*answers: tuple[int, Any]) -> tuple[Any, list[httpx.Request]]:
    """A line to a server that answers in turn, and what that was asked."""
    asked: list[httpx.Request] = []
    left = list(answers)

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        status, body = left.pop(0)
        if status == 0:
            raise httpx.ConnectError("nobody there")
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
    event = {"type": "post.published", "cursor": "e-2"}
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
