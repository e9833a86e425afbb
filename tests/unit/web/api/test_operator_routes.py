"""Health, readiness, metrics and the description."""

from __future__ import annotations

import httpx
import pytest

from tests.unit.web.desk_harness import open_harness


@pytest.mark.asyncio
async def test_health_stays_200_and_readiness_fails_without_redis() -> None:
    """Alive, for proxies; not ready, for alerts."""
    async with open_harness() as harness:
        assert (await harness.public.get("/healthz")).json() == {"status": "ok"}
        assert (await harness.public.get("/readyz")).json() == {"status": "ready"}
        harness.store.away = True
        assert (await harness.public.get("/healthz")).status_code == 200
        answer = await harness.public.get("/readyz")
        assert answer.status_code == 503
        assert "no events arrive" in answer.json()["detail"]


@pytest.mark.asyncio
async def test_metrics_are_in_prometheus_text_format() -> None:
    """With its content type, version 0.0.4."""
    async with open_harness() as harness:
        answer = await harness.public.get("/metrics")
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
async def test_metrics_need_a_token_from_other_hosts(
    peer: str, headers: dict[str, str], status: int
) -> None:
    """Metrics tell how many readers and editors there are."""
    async with open_harness() as harness:
        transport = harness.client._transport
        assert isinstance(transport, httpx.ASGITransport)
        inner = httpx.ASGITransport(transport.app, client=(peer, 4711))
        async with httpx.AsyncClient(transport=inner, base_url="http://h") as client:
            answer = await client.get("/metrics", headers=headers)
            assert answer.status_code == status
            if status != 200:
                harness.client._transport = inner
                assert (await harness.client.get("/metrics")).status_code == 200


@pytest.mark.asyncio
async def test_a_setting_makes_metrics_need_an_admin_token_everywhere() -> None:
    """A token without `admin` gets 403."""
    async with open_harness(metrics_from="") as harness:
        assert (await harness.public.get("/metrics")).status_code == 401
        weak = {"authorization": await harness.token("read")}
        assert (await harness.public.get("/metrics", headers=weak)).status_code == 403
        assert (await harness.client.get("/metrics")).status_code == 200
