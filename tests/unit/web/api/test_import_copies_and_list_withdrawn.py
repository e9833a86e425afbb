"""Copies of feeds and posts over HTTP, and the list of what was withdrawn."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.web.desk_harness import DeskHarness, open_harness

pytestmark = pytest.mark.asyncio


async def copies(harness: DeskHarness) -> tuple[dict[str, Any], dict[str, Any]]:
    """A feed and one post of it, as an export has them."""
    await harness.feed("quay", summary="So far.")
    made = (await harness.post("quay", external_id="wire/1", key=True)).json()["post"]
    feed = (await harness.client.get("/v1/feeds/quay")).json()["feed"]
    post = (await harness.client.get(f"/v1/feeds/quay/posts/{made['id']}")).json()
    assert (await harness.client.delete("/v1/feeds/quay")).status_code == 204
    for copy in (feed, post):
        copy.pop("url")
    post.pop("html", None)
    return feed, post


async def test_importing_an_exported_post_twice_changes_nothing() -> None:
    """201 where it is created, 200 where it exists already; revisions stay."""
    async with open_harness() as harness:
        feed, post = await copies(harness)
        put = harness.client.put
        path = f"/v1/feeds/quay/posts/{post['id']}"
        assert (await put("/v1/feeds/quay", json=feed)).status_code == 201
        assert (await put(path, json=post)).status_code == 201
        snapshot = (await harness.client.get("/v1/feeds/quay")).json()
        again = await put("/v1/feeds/quay", json=feed)
        assert (again.status_code, again.headers["etag"]) == (200, f'"{feed["rev"]}"')
        same = await put(path, json=post)
        assert (same.status_code, same.headers["etag"]) == (200, f'"{post["rev"]}"')
        assert (await harness.client.get("/v1/feeds/quay")).json() == snapshot
        (shown,) = snapshot["posts"]
        assert {name: shown[name] for name in post} == post


async def test_a_copied_post_is_in_the_next_snapshot_without_its_private_members() -> (
    None
):
    async with open_harness() as harness:
        feed, post = await copies(harness)
        await harness.client.put("/v1/feeds/quay", json=feed)
        assert (await harness.public.get("/v1/feeds/quay")).json()["posts"] == []
        await harness.client.put(f"/v1/feeds/quay/posts/{post['id']}", json=post)
        (shown,) = (await harness.public.get("/v1/feeds/quay")).json()["posts"]
        assert shown["id"] == post["id"]
        assert not {"body", "external_id"} & shown.keys()


async def test_only_admins_import() -> None:
    """An editor of the feed may not replace its history or see withdrawn posts."""
    async with open_harness() as harness:
        feed, post = await copies(harness)
        await harness.client.put("/v1/feeds/quay", json=feed)
        editor = harness.reader(authorization=await harness.token("manage"))
        path = f"/v1/feeds/quay/posts/{post['id']}"
        gone = "/v1/feeds/quay/withdrawn/p0"
        for answer in (
            await editor.put("/v1/feeds/quay", json=feed),
            await editor.put(path, json=post),
            await editor.put(gone, json={"rev": 2}),
            await editor.get("/v1/feeds/quay/withdrawn"),
        ):
            assert answer.status_code == 403
            assert answer.json()["scope"] == "admin"
        assert (await harness.public.put(path, json=post)).status_code == 401


async def test_an_import_without_rights_is_403_whether_or_not_the_feed_exists() -> None:
    """Rights are checked before the feed is looked up."""
    async with open_harness() as harness:
        editor = harness.reader(authorization=await harness.token("manage"))
        answer = await editor.put("/v1/feeds/none", json={"title": "None"})
        assert answer.status_code == 403


async def test_a_withdrawn_post_is_imported_and_listed() -> None:
    """With its external id, page by page; the id stays taken."""
    async with open_harness() as harness:
        feed, post = await copies(harness)
        await harness.client.put("/v1/feeds/quay", json=feed)
        gone = {"id": "01m8aaaaaaaaaa", "rev": 3, "external_id": "wire/0"}
        path = "/v1/feeds/quay/withdrawn/01m8aaaaaaaaaa"
        put = await harness.client.put(path, json=gone)
        assert put.status_code == 204
        cursor = (await harness.client.get("/v1/feeds/quay")).json()["cursor"]
        assert (await harness.client.put(path, json=gone)).status_code == 204
        after = (await harness.client.get("/v1/feeds/quay")).json()["cursor"]
        assert after == cursor
        listed: list[Any] = []
        onward: str | None = "/v1/feeds/quay/withdrawn?limit=1"
        while onward is not None:
            assert "limit=1" in onward
            answer = await harness.client.get(onward)
            assert answer.headers["cache-control"] == "private, no-store"
            listed += answer.json()["withdrawn"]
            onward = answer.json()["next"]
        expected = {"id": "01m8aaaaaaaaaa", "rev": 3, "external_id": "wire/0"}
        assert listed[0] == expected
        assert {one["id"] for one in listed} == {expected["id"]}
        page = await harness.public.get("/v1/feeds/quay/posts/01m8aaaaaaaaaa")
        assert page.status_code == 410


async def test_an_imported_post_may_be_longer_than_a_draft() -> None:
    """By what the server adds to it, and no more."""
    async with open_harness(max_body_bytes=2048) as harness:
        feed, post = await copies(harness)
        await harness.client.put("/v1/feeds/quay", json=feed)
        path = f"/v1/feeds/quay/posts/{post['id']}"
        fits = post | {"body": "x" * 2500}
        assert (await harness.client.put(path, json=fits)).status_code == 201
        long = post | {"body": "x" * 6500}
        assert (await harness.client.put(path, json=long)).status_code == 413
