"""Each request has an id, each refusal a line."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from ipaddress import ip_network
from typing import Any

import httpx
import pytest
from starlette.types import Receive, Scope, Send

from stoppress.guard.refusal_log import RefusalLog
from stoppress.web.edge.add_request_id_and_log_refusal import RequestTrace
from tests.unit.web.desk_harness import ADMIN, BASE, open_harness

PROXY = [ip_network("10.0.0.0/8")]


@asynccontextmanager
async def traced(
    peer: str = "192.0.2.1", **headers: str
) -> AsyncIterator[httpx.AsyncClient]:
    """A client of an API whose requests are logged."""
    async with open_harness() as harness:
        await harness.feed()
        transport = harness.client._transport
        assert isinstance(transport, httpx.ASGITransport)
        app: Any = RequestTrace(transport.app, PROXY, RefusalLog())
        inner = httpx.ASGITransport(app, client=(peer, 4711))
        yield httpx.AsyncClient(transport=inner, base_url=BASE, headers=headers)


def refusals(caplog: pytest.LogCaptureFixture) -> list[dict[str, Any]]:
    """The fields of each line about a refusal."""
    mine = [one for one in caplog.records if one.name == "stoppress.refused"]
    return [vars(record)["fields"] for record in mine]


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("method", "path", "headers", "status", "reason"),
    [
        ("GET", "/v1/feeds/nothing", {}, 404, "not-found"),
        ("GET", "/v1/feeds/quay/posts?before=x", {}, 422, "invalid"),
        ("GET", "/nothing", {}, 404, "not-found"),
        ("PATCH", "/healthz", {}, 405, "method-not-allowed"),
        ("POST", "/v1/feeds", {}, 401, "no-token"),
        ("POST", "/v1/feeds", {"authorization": "Bearer sp_guess"}, 401, "no-token"),
    ],
)
async def test_a_refusal_has_a_request_id_and_a_log_line(
    caplog: pytest.LogCaptureFixture,
    method: str,
    path: str,
    headers: dict[str, str],
    status: int,
    reason: str,
) -> None:
    """Header, document and log hold the same id."""
    caplog.set_level(logging.INFO)
    async with traced() as client:
        answer = await client.request(method, path, headers=headers)
    assert answer.status_code == status
    name = answer.headers["x-request-id"]
    assert answer.json()["request_id"] == name
    (said,) = refusals(caplog)
    assert said == {
        "reason": reason,
        "request_id": name,
        "status": status,
        "client": "192.0.2.1",
        "method": method,
        "path": path.partition("?")[0],
    }


@pytest.mark.asyncio
async def test_a_success_has_a_request_id_and_no_log_line(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """It also has `X-Content-Type-Options: nosniff`."""
    caplog.set_level(logging.INFO)
    async with traced(authorization=f"Bearer {ADMIN}") as client:
        answers = [await client.get("/v1/feeds/quay") for _ in range(2)]
    ids = {answer.headers["x-request-id"] for answer in answers}
    assert len(ids) == 2
    assert answers[0].headers["x-content-type-options"] == "nosniff"
    assert refusals(caplog) == []


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("peer", "given", "counts"),
    [
        ("10.0.0.1", "edge-4711-0815", True),
        ("10.0.0.1", "a\x01b", False),
        ("10.0.0.1", "no", False),
        ("192.0.2.1", "edge-4711-0815", False),
    ],
)
async def test_only_a_trusted_proxy_sets_the_request_id(
    peer: str, given: str, counts: bool
) -> None:
    """And only to a plain word."""
    async with traced(peer) as client:
        sent = {"x-request-id": given.encode("latin-1")}
        answer = await client.get("/v1/feeds", headers=sent)  # type: ignore[arg-type]  # bytes are fine
    assert (answer.headers["x-request-id"] == given) is counts


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("code", "refused"), [(4000, False), (4029, True), (4404, True), (1000, False)]
)
async def test_a_refused_websocket_gets_its_request_id(
    caplog: pytest.LogCaptureFixture, code: int, refused: bool
) -> None:
    """In the close reason, which a page can read, and in the handshake."""
    caplog.set_level(logging.INFO)

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "websocket.accept"})
        await send({"type": "websocket.close", "code": code, "reason": ""})

    sent: list[Any] = []

    async def receive() -> Any:
        raise AssertionError

    async def send(message: Any) -> None:
        sent.append(message)

    scope: Scope = {
        "type": "websocket",
        "path": "/v1/live",
        "headers": [(b"x-request-id", b"chosen-by-me")],
        "client": ("192.0.2.1", 1),
    }
    await RequestTrace(app, PROXY, RefusalLog())(scope, receive, send)
    ((_, name),) = sent[0]["headers"]
    assert name != b"chosen-by-me"
    assert sent[1]["reason"] == (f"request {name.decode()}" if refused else "")
    assert [one["status"] for one in refusals(caplog)] == [code] * refused
