"""Health, readiness, metrics and the description."""

from __future__ import annotations

import httpx
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


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("peer", "headers", "status"),
    [
        ("127.0.0.1", {}, 200),
        ("10.1.2.3", {}, 200),
        ("fd00::1", {}, 200),
        ("198.51.100.1", {}, 401),
        # A proxy on this machine asks for somebody else.
        ("127.0.0.1", {"x-forwarded-for": "198.51.100.1"}, 401),
        ("127.0.0.1", {"forwarded": "for=127.0.0.1"}, 401),
        ("127.0.0.1", {"via": "1.1 proxy"}, 401),
        ("198.51.100.1", {"x-forwarded-for": "127.0.0.1"}, 401),
        ("198.51.100.1", {"authorization": "Bearer sp_guess"}, 401),
    ],
)
async def test_metrics_are_closed_to_strangers(
    peer: str, headers: dict[str, str], status: int
) -> None:
    """They say how many read, and how the newsroom works."""
    async with open_office() as office:
        transport = office.client._transport
        assert isinstance(transport, httpx.ASGITransport)
        inner = httpx.ASGITransport(transport.app, client=(peer, 4711))
        async with httpx.AsyncClient(transport=inner, base_url="http://h") as client:
            answer = await client.get("/metrics", headers=headers)
            assert answer.status_code == status
            if status != 200:
                office.client._transport = inner
                assert (await office.client.get("/metrics")).status_code == 200


@pytest.mark.asyncio
async def test_metrics_may_need_a_token_always() -> None:
    """With a setting; a token without `admin` is not enough."""
    async with open_office(metrics_from="") as office:
        assert (await office.public.get("/metrics")).status_code == 401
        weak = {"authorization": await office.token("read")}
        assert (await office.public.get("/metrics", headers=weak)).status_code == 403
        assert (await office.client.get("/metrics")).status_code == 200
