"""Health, readiness, metrics and the description."""

from __future__ import annotations

import pytest

from tests.unit.web.desk_harness import open_office


@pytest.mark.asyncio
async def test_alive_and_ready() -> None:
    """Redis away: alive, for proxies; not ready, for alerts."""
    async with open_office() as office:
        assert (await office.public.get("/healthz")).json() == {"status": "ok"}
        assert (await office.public.get("/readyz")).json() == {"status": "ready"}
        office.store.away = True
        assert (await office.public.get("/healthz")).status_code == 200
        answer = await office.public.get("/readyz")
        assert answer.status_code == 503
        assert "no events arrive" in answer.json()["detail"]


@pytest.mark.asyncio
async def test_metrics() -> None:
    """In Prometheus' text format."""
    async with open_office() as office:
        answer = await office.public.get("/metrics")
        assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
        assert answer.text == "# nothing\n"
