"""Methods, HEAD, OPTIONS, and pages of other sites."""

from __future__ import annotations

from typing import Any

import pytest

from stoppress.web.api import routes
from tests.unit.web.desk_harness import open_office

SAMPLES = {"{feed}": "quay", "{post}": "x", "{token}": "x"}


def example(path: str) -> str:
    """The address with names filled in."""
    for name, value in SAMPLES.items():
        path = path.replace(name, value)
    return path


@pytest.mark.asyncio
@pytest.mark.parametrize("path", routes.RESOURCES)
async def test_a_method_that_is_not_there_is_405(path: str) -> None:
    """With Allow; on every address."""
    async with open_office() as office:
        await office.feed()
        _, handlers = routes.RESOURCES[path]
        for method in {"GET", "PUT", "PATCH", "POST", "DELETE", "TRACE"} - set(
            handlers
        ):
            answer = await office.client.request(method, example(path))
            assert answer.status_code == 405, method
            allowed = set(answer.headers["allow"].split(", "))
            assert set(handlers) <= allowed and method not in allowed
            assert answer.json()["status"] == 405


@pytest.mark.asyncio
@pytest.mark.parametrize("path", ["/v1/feeds", "/v1/feeds/quay", "/healthz"])
async def test_head_is_get_without_a_body(path: str) -> None:
    """Same status and tag; the server leaves the body out."""
    async with open_office() as office:
        await office.feed()
        head, get = await office.public.head(path), await office.public.get(path)
        assert head.status_code == get.status_code == 200
        assert head.headers.get("etag") == get.headers.get("etag")
        assert head.headers["content-length"] == get.headers["content-length"]


@pytest.mark.asyncio
@pytest.mark.parametrize("path", routes.RESOURCES)
async def test_pages_of_other_sites_may_read_what_is_public(path: str) -> None:
    """Refusals too; writing is not among what a preflight allows."""
    shared, handlers = routes.RESOURCES[path]
    async with open_office() as office:
        asked = {
            "origin": "https://other.example",
            "access-control-request-method": "GET",
            "access-control-request-headers": "authorization",
        }
        answer = await office.public.options(example(path), headers=asked)
        assert answer.status_code == 204
        assert set(handlers) <= set(answer.headers["allow"].split(", "))
        if not shared:
            assert "access-control-allow-origin" not in answer.headers
            return
        assert answer.headers["access-control-allow-origin"] == "*"
        assert "Authorization" in answer.headers["access-control-allow-headers"]
        assert answer.headers["access-control-allow-methods"] == "GET, HEAD"
        assert "access-control-allow-credentials" not in answer.headers
        refused = await office.public.get(example(path))
        assert refused.headers["access-control-allow-origin"] == "*"
        for method in set(handlers) - {"GET"}:
            written = await office.client.request(method, example(path))
            assert "access-control-allow-origin" not in written.headers


@pytest.mark.asyncio
async def test_what_writes_keeps_pace_with_the_readers(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Once it is kept; reading and refusals do not wait."""
    async with open_office() as office:
        await office.feed()
        waited: list[str] = []
        hub = office.services.hub
        write = office.services.desk.posts.publish

        async def keep_pace(feed: str) -> None:
            assert hub.sweep.writes == 0
            waited.append(feed)

        async def publish(*given: Any, **named: Any) -> Any:
            assert hub.sweep.writes == 1
            return await write(*given, **named)

        monkeypatch.setattr(office.services.desk.posts, "publish", publish)
        monkeypatch.setattr(hub, "keep_pace", keep_pace)
        posts = "/v1/feeds/quay/posts"
        made = await office.client.post(posts, json={"body": "Rain."})
        assert made.status_code == 201 and waited == ["quay"]
        await office.client.get(posts)
        await office.client.post(posts, json={"body": 7})
        assert waited == ["quay"]
        await office.client.delete(f"{posts}/{made.json()['post']['id']}")
        assert waited == ["quay", "quay"] and hub.sweep.writes == 0
