"""Feeds over HTTP."""

from __future__ import annotations

import pytest

from stoppress.web.cache_control import PRIVATE, PUBLIC
from tests.unit.web.desk_harness import BASE, open_harness


@pytest.mark.asyncio
async def test_creating_a_feed_returns_201_and_its_address() -> None:
    """The answer holds the new feed and its Location."""
    async with open_harness() as harness:
        given = {"slug": "quay", "title": "Quay", "timezone": "Europe/Istanbul"}
        answer = await harness.client.post("/v1/feeds", json=given)
        assert answer.status_code == 201
        assert answer.headers["location"] == "/v1/feeds/quay"
        assert answer.headers["etag"] == '"1"'
        feed = answer.json()
        assert feed["url"] == f"{BASE}/live/quay"
        assert (feed["slug"], feed["timezone"], feed["rev"]) == (
            "quay",
            "Europe/Istanbul",
            1,
        )


@pytest.mark.asyncio
async def test_a_second_feed_of_the_same_slug_is_refused() -> None:
    """409 for another request; with the same key, the first answer again."""
    async with open_harness() as harness:
        given = {"slug": "quay", "title": "Quay"}
        key = {"idempotency-key": "k"}
        first = await harness.client.post("/v1/feeds", json=given, headers=key)
        again = await harness.client.post("/v1/feeds", json=given, headers=key)
        assert (first.status_code, again.status_code) == (201, 200)
        assert first.json() == again.json()
        taken = await harness.client.post("/v1/feeds", json=given)
        assert taken.status_code == 409 and "'quay' is taken" in taken.json()["detail"]


@pytest.mark.asyncio
async def test_a_new_feed_has_a_complete_snapshot() -> None:
    """With all members, an ETag and cache rules."""
    async with open_harness() as harness:
        feed = await harness.feed()
        answer = await harness.public.get("/v1/feeds/quay")
        assert answer.json() == {
            "feed": feed,
            "cursor": answer.json()["cursor"],
            "posts": [],
            "pinned": None,
            "next": None,
        }
        assert answer.headers["cache-control"] == PUBLIC
        assert answer.headers["access-control-allow-origin"] == "*"
        assert "ETag" in answer.headers["access-control-expose-headers"]
        assert "age" not in answer.headers


@pytest.mark.asyncio
async def test_a_current_snapshot_is_304() -> None:
    """Also if a proxy made the ETag weak; until an event changes it."""
    async with open_harness() as harness:
        await harness.feed()
        tag = (await harness.public.get("/v1/feeds/quay")).headers["etag"]
        for given in (tag, f"W/{tag}", f'"x", {tag}', "*"):
            headers = {"if-none-match": given}
            answer = await harness.public.get("/v1/feeds/quay", headers=headers)
            assert (answer.status_code, answer.content) == (304, b""), given
            assert answer.headers["etag"] == tag
            assert answer.headers["cache-control"] == PUBLIC
        await harness.post()
        headers = {"if-none-match": tag}
        answer = await harness.public.get("/v1/feeds/quay", headers=headers)
        assert answer.status_code == 200


@pytest.mark.asyncio
async def test_a_snapshot_shows_20_posts_and_the_pinned_one() -> None:
    """The pinned post is shown apart; its place in the order stays."""
    async with open_harness() as harness:
        await harness.feed()
        for number in range(25):
            await harness.post(headline=str(number), pinned=number == 2)
        snapshot = (await harness.public.get("/v1/feeds/quay")).json()
        shown = [post["headline"] for post in snapshot["posts"]]
        assert shown == [str(number) for number in range(24, 4, -1)]
        assert snapshot["pinned"]["headline"] == "2"
        rest = (await harness.public.get(snapshot["next"])).json()
        assert [post["headline"] for post in rest["posts"]] == list("43210")
        assert rest["next"] is None


@pytest.mark.asyncio
async def test_a_feed_patch_is_merged() -> None:
    """The revision rises, the next snapshot shows it; If-Match is optional."""
    async with open_harness() as harness:
        await harness.feed()
        patch = {"status": "paused"}
        answer = await harness.client.patch("/v1/feeds/quay", json=patch)
        assert answer.status_code == 200
        assert (answer.json()["status"], answer.json()["rev"]) == ("paused", 2)
        assert answer.headers["etag"] == '"2"'
        snapshot = (await harness.public.get("/v1/feeds/quay")).json()
        assert snapshot["feed"] == answer.json()
        stale = await harness.client.patch(
            "/v1/feeds/quay", json={"title": "x"}, headers={"if-match": '"1"'}
        )
        assert stale.status_code == 412
        assert stale.json()["current"] == answer.json()


@pytest.mark.asyncio
async def test_a_deleted_feed_is_gone() -> None:
    """204, then 404 on each of its addresses."""
    async with open_harness() as harness:
        await harness.feed()
        post = (await harness.post()).json()["post"]["id"]
        stale = await harness.client.delete(
            "/v1/feeds/quay", headers={"if-match": '"9"'}
        )
        assert stale.status_code == 412
        assert (await harness.client.delete("/v1/feeds/quay")).status_code == 204
        assert (await harness.client.delete("/v1/feeds/quay")).status_code == 404
        for path in ("", "/posts", f"/posts/{post}"):
            answer = await harness.public.get(f"/v1/feeds/quay{path}")
            assert answer.status_code == 404, path
        assert (await harness.public.get("/v1/feeds")).json()["feeds"] == []


@pytest.mark.asyncio
async def test_visibility_decides_who_finds_a_feed() -> None:
    """Public in lists; unlisted by its address; private only with a token."""
    async with open_harness() as harness:
        for visibility in ("public", "unlisted", "private"):
            await harness.feed(visibility, visibility=visibility)
            await harness.post(visibility)
        listed = (await harness.public.get("/v1/feeds")).json()["feeds"]
        assert [feed["slug"] for feed in listed] == ["public"]
        open_ = await harness.public.get("/v1/feeds/public")
        unlisted = await harness.public.get("/v1/feeds/unlisted")
        assert open_.headers["cache-control"] == PUBLIC
        assert unlisted.headers["cache-control"] == PRIVATE
        absent = await harness.public.get("/v1/feeds/absent")
        hidden = await harness.public.get("/v1/feeds/private")
        assert hidden.status_code == absent.status_code == 404
        assert hidden.text.replace("private", "absent") == absent.text
        del hidden.headers["content-length"], absent.headers["content-length"]
        assert hidden.headers == absent.headers
        other = harness.reader(authorization=await harness.token("read", feeds=["x"]))
        assert (await other.get("/v1/feeds/private")).status_code == 404
        mine = harness.reader(
            authorization=await harness.token("read", feeds=["private"])
        )
        answer = await mine.get("/v1/feeds/private")
        assert answer.status_code == 200
        assert answer.headers["cache-control"] == PRIVATE
        assert (await mine.get("/v1/feeds")).json()["feeds"] == listed
        everything = await mine.get("/v1/feeds?all=true")
        assert [feed["slug"] for feed in everything.json()["feeds"]] == [
            "private",
            "public",
        ]
        assert everything.headers["cache-control"] == PRIVATE
        assert (await harness.public.get("/v1/feeds?all=true")).status_code == 401


@pytest.mark.asyncio
async def test_a_token_creates_only_the_feeds_it_is_for() -> None:
    """A missing scope is named before the fields are checked."""
    async with open_harness() as harness:
        write = harness.reader(authorization=await harness.token("manage", feeds=["a"]))
        given = {"slug": "a", "title": "x"}
        assert (await write.post("/v1/feeds", json=given)).status_code == 201
        refused = await write.post("/v1/feeds", json=given | {"slug": "b"})
        assert refused.status_code == 403 and refused.json()["scope"] == "manage"
        read = harness.reader(authorization=await harness.token("read"))
        refused = await read.post("/v1/feeds", content=b"{")
        assert refused.status_code == 403 and refused.json()["scope"] == "manage"


@pytest.mark.asyncio
@pytest.mark.parametrize("everything", ["", "&all=true"])
async def test_feeds_are_listed_in_pages(everything: str) -> None:
    """Newest first, each once, even if the feed in `next` is deleted meanwhile."""
    async with open_harness() as harness:
        for n in range(5):
            await harness.feed(f"quay-{n}")
        await harness.feed("hidden", visibility="private")
        whole = (await harness.client.get(f"/v1/feeds?{everything[1:]}")).json()
        assert whole["next"] is None
        path, pages = f"/v1/feeds?limit=2{everything}", []
        while path:
            page = (await harness.client.get(path)).json()
            pages.append([feed["slug"] for feed in page["feeds"]])
            if len(pages) == 1:
                await harness.client.delete(f"/v1/feeds/{pages[0][-1]}")
            path = page["next"]
        assert sum(pages, []) == [feed["slug"] for feed in whole["feeds"]]
        assert [len(page) for page in pages] == ([2, 2, 2] if everything else [2, 2, 1])
        for wrong in ("limit=0", "limit=101", "limit=x", "before=x"):
            answer = await harness.client.get(f"/v1/feeds?{wrong}")
            assert answer.status_code == 422
            assert answer.json()["field"] == wrong.partition("=")[0]
