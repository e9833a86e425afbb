"""Methods, HEAD, OPTIONS, and pages of other sites."""

from __future__ import annotations

from typing import Any

import pytest

from stoppress.guard.limits import Limits
from stoppress.settings import Settings
from stoppress.web.api import route_table
from tests.unit.web.desk_harness import open_harness

SAMPLES = {"{feed}": "quay", "{post}": "x", "{token}": "x"}


def example(path: str) -> str:
    """The address with names filled in."""
    for name, value in SAMPLES.items():
        path = path.replace(name, value)
    return path


@pytest.mark.asyncio
@pytest.mark.parametrize("path", route_table.RESOURCES)
async def test_a_method_that_is_not_there_is_405(path: str) -> None:
    """With Allow; on every address."""
    async with open_harness() as harness:
        await harness.feed()
        _, handlers = route_table.RESOURCES[path]
        for method in {"GET", "PUT", "PATCH", "POST", "DELETE", "TRACE"} - set(
            handlers
        ):
            answer = await harness.client.request(method, example(path))
            assert answer.status_code == 405, method
            allowed = set(answer.headers["allow"].split(", "))
            assert set(handlers) <= allowed and method not in allowed
            assert answer.json()["status"] == 405


@pytest.mark.asyncio
@pytest.mark.parametrize("path", ["/v1/feeds", "/v1/feeds/quay", "/healthz"])
async def test_head_is_get_without_a_body(path: str) -> None:
    """Same status and tag; the server leaves the body out."""
    async with open_harness() as harness:
        await harness.feed()
        head, get = await harness.public.head(path), await harness.public.get(path)
        assert head.status_code == get.status_code == 200
        assert head.headers.get("etag") == get.headers.get("etag")
        assert head.headers["content-length"] == get.headers["content-length"]


@pytest.mark.asyncio
@pytest.mark.parametrize("path", route_table.RESOURCES)
async def test_pages_of_other_sites_may_read_what_is_public(path: str) -> None:
    """Refusals too; writing is not among what a preflight allows."""
    shared, handlers = route_table.RESOURCES[path]
    async with open_harness() as harness:
        asked = {
            "origin": "https://other.example",
            "access-control-request-method": "GET",
            "access-control-request-headers": "authorization",
        }
        answer = await harness.public.options(example(path), headers=asked)
        assert answer.status_code == 204
        assert set(handlers) <= set(answer.headers["allow"].split(", "))
        if not shared:
            assert "access-control-allow-origin" not in answer.headers
            return
        assert answer.headers["access-control-allow-origin"] == "*"
        assert "Authorization" in answer.headers["access-control-allow-headers"]
        assert answer.headers["access-control-allow-methods"] == "GET, HEAD"
        assert "access-control-allow-credentials" not in answer.headers
        refused = await harness.public.get(example(path))
        assert refused.headers["access-control-allow-origin"] == "*"
        for method in set(handlers) - {"GET"}:
            written = await harness.client.request(method, example(path))
            assert "access-control-allow-origin" not in written.headers


@pytest.mark.asyncio
async def test_writes_keep_pace_with_the_readers(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Once it is kept; reading and refusals do not wait."""
    async with open_harness() as harness:
        await harness.feed()
        waited: list[str] = []
        hub = harness.services.hub
        write = harness.services.desk.posts.publish

        async def keep_pace(feed: str) -> None:
            assert hub.sweep.writes == 0
            waited.append(feed)

        async def publish(*given: Any, **named: Any) -> Any:
            assert hub.sweep.writes == 1
            return await write(*given, **named)

        monkeypatch.setattr(harness.services.desk.posts, "publish", publish)
        monkeypatch.setattr(hub, "keep_pace", keep_pace)
        posts = "/v1/feeds/quay/posts"
        made = await harness.client.post(posts, json={"body": "Rain."})
        assert made.status_code == 201 and waited == ["quay"]
        await harness.client.get(posts)
        await harness.client.post(posts, json={"body": 7})
        assert waited == ["quay"]
        await harness.client.delete(f"{posts}/{made.json()['post']['id']}")
        assert waited == ["quay", "quay"] and hub.sweep.writes == 0


@pytest.mark.asyncio
async def test_requests_over_a_limit_are_429_before_anything_is_read() -> None:
    """With Retry-After, for pages of other sites too; probes are not counted."""
    async with open_harness() as harness:
        await harness.feed()
        settings = Settings(address_requests_per_s=0.1)  # a burst of three
        limits = Limits(settings)
        object.__setattr__(harness.services, "limits", limits)
        answers = [await harness.public.get("/v1/feeds/quay") for _ in range(4)]
        assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
        refused = answers[-1]
        assert 1 <= int(refused.headers["retry-after"]) <= 10
        assert refused.headers["access-control-allow-origin"] == "*"
        assert refused.json()["type"] == "urn:stop-press:problem:too-many"
        calls = len(harness.store.calls)
        posts = "/v1/feeds/quay/posts"
        written = await harness.client.post(posts, json={"body": "Rain."})
        assert written.status_code == 429 and len(harness.store.calls) == calls
        assert (await harness.public.get("/healthz")).status_code == 200


@pytest.mark.asyncio
async def test_writes_of_a_token_and_to_a_feed_are_limited() -> None:
    """Who may not write takes nothing from the feed's allowance."""
    async with open_harness() as harness:
        await harness.feed()
        await harness.feed("other")
        reader = {"authorization": await harness.token("read")}
        editor = {"authorization": await harness.token("publish", feeds=["quay"])}
        limits = Limits(Settings(feed_writes_per_s=0.01))  # a burst of three
        object.__setattr__(harness.services, "limits", limits)
        posts, given = "/v1/feeds/quay/posts", {"body": "Rain."}
        for _ in range(5):
            refused = await harness.public.post(posts, json=given, headers=reader)
            assert refused.status_code == 403
        for who in (editor, {}, editor):
            made = await harness.client.post(posts, json=given, headers=who)
            assert made.status_code == 201
        refused = await harness.client.post(posts, json=given)
        assert refused.status_code == 429 and refused.headers["retry-after"]
        elsewhere = await harness.client.post("/v1/feeds/other/posts", json=given)
        assert elsewhere.status_code == 201


@pytest.mark.asyncio
async def test_guesses_of_tokens_are_limited() -> None:
    """Unknown ones are not even looked up any more; a known one goes on."""
    async with open_harness() as harness:
        await harness.feed()
        known = {"authorization": await harness.token("read")}
        limits = Limits(Settings(address_failures_per_s=0.05))  # a burst of six
        object.__setattr__(harness.services, "limits", limits)
        assert (await harness.public.get("/v1/feeds", headers=known)).status_code == 200
        statuses = []
        for n in range(10):
            guess = {"authorization": f"Bearer sp_guess{n}"}
            answer = await harness.public.get("/v1/feeds", headers=guess)
            statuses.append(answer.status_code)
        assert statuses == [401] * 6 + [429] * 4
        calls = harness.store.calls.count("token")
        await harness.public.get("/v1/feeds", headers=guess)
        assert harness.store.calls.count("token") == calls
        assert (await harness.public.get("/v1/feeds", headers=known)).status_code == 200
        assert (await harness.public.get("/v1/feeds")).status_code == 200
