"""Caches in front are told of what is gone: once each, for a bounded time."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from stoppress import purge_withdrawn_posts_from_caches as module
from stoppress.purge_withdrawn_posts_from_caches import (
    CachePurge,
    PurgeMetrics,
    purged_urls,
)
from tests.tally import Tally

pytestmark = pytest.mark.asyncio
ADDRESS = "https://cdn.example/purge"


class Caches:
    """Answers calls by a list of statuses; None: does not answer."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *statuses: int | None) -> None:
        self.calls: list[Any] = []
        left = list(statuses)

        def answer(request: httpx.Request) -> httpx.Response:
            self.calls.append((str(request.url), json.loads(request.content)))
            status = left.pop(0)
            if status is None:
                raise httpx.ConnectError("away")
            return httpx.Response(status)

        transport = httpx.MockTransport(answer)
        client = httpx.AsyncClient
        monkeypatch.setattr(
            httpx,
            "AsyncClient",
            lambda **given: client(transport=transport, **given),
        )
        monkeypatch.setattr(module, "PURGE_PAUSE_S", 0.0)


async def test_each_address_gets_one_call(monkeypatch: pytest.MonkeyPatch) -> None:
    """With every address that showed the post."""
    caches = Caches(monkeypatch, 200, 204)
    counts = Tally()
    purge = CachePurge(
        [ADDRESS, f"{ADDRESS}2"], "https://live.example", PurgeMetrics(counts)
    )
    done = await purge.purge("quay", "01")
    assert [(one.url, one.status) for one in done] == [
        (ADDRESS, 200),
        (f"{ADDRESS}2", 204),
    ]
    urls = purged_urls("https://live.example", "quay", "01")
    assert caches.calls == [
        (ADDRESS, {"urls": urls}),
        (f"{ADDRESS}2", {"urls": urls}),
    ]
    assert "https://live.example/live/quay/01" in urls
    assert counts.sum("stoppress_purges") == 2


@pytest.mark.parametrize(
    ("statuses", "status", "calls"),
    [
        ((503, None, 200), 200, 3),
        ((None, None, None), None, 3),
        ((500, 500, 500), 500, 3),
        ((403,), 403, 1),
    ],
)
async def test_a_failed_purge_is_tried_a_few_times(
    monkeypatch: pytest.MonkeyPatch,
    statuses: tuple[int | None, ...],
    status: int | None,
    calls: int,
) -> None:
    """A refusal is an answer."""
    caches = Caches(monkeypatch, *statuses)
    (done,) = await CachePurge([ADDRESS], "https://l.example").purge("quay", "01")
    assert (done.status, len(caches.calls)) == (status, calls)


async def test_the_body_of_an_answer_is_not_read(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It may have any length; the status says all."""

    class Endless(httpx.AsyncByteStream):
        async def __aiter__(self) -> AsyncIterator[bytes]:
            raise AssertionError("the body is read")
            yield b""

    transport = httpx.MockTransport(
        lambda request: httpx.Response(200, stream=Endless())
    )
    client = httpx.AsyncClient
    monkeypatch.setattr(
        httpx, "AsyncClient", lambda **given: client(transport=transport, **given)
    )
    (done,) = await CachePurge([ADDRESS], "https://l.example").purge("quay", "01")
    assert done.status == 200


async def test_more_than_can_wait_is_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    """And counted; those that wait end with the process."""
    Caches(monkeypatch)
    monkeypatch.setattr(module, "MAX_PENDING_PURGES", 1)
    counts = Tally()
    purge = CachePurge([ADDRESS], "https://l.example", PurgeMetrics(counts))
    purge.begin("quay", "01")
    purge.begin("quay", "02")
    assert [one.label for one in counts.of("stoppress_purges")] == ["dropped"]
    await purge.stop()


async def test_without_addresses_nothing_is_done() -> None:
    """The default."""
    purge = CachePurge([], "https://l.example")
    purge.begin("quay", "01")
    assert await purge.purge("quay", "01") == ()
