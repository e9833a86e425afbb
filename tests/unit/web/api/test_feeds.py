"""Feeds over HTTP."""

from __future__ import annotations

import pytest

from stoppress.web.cache_control import PRIVATE, PUBLIC
from tests.unit.web.desk_harness import BASE, open_office


@pytest.mark.asyncio
async def test_a_feed_is_made() -> None:
    """201, where it is, and what it is."""
    async with open_office() as office:
        given = {"slug": "quay", "title": "Quay", "timezone": "Europe/Istanbul"}
        answer = await office.client.post("/v1/feeds", json=given)
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
async def test_a_slug_is_taken_once() -> None:
    """409 for another; the same under the same key is the first."""
    async with open_office() as office:
        given = {"slug": "quay", "title": "Quay"}
        key = {"idempotency-key": "k"}
        first = await office.client.post("/v1/feeds", json=given, headers=key)
        again = await office.client.post("/v1/feeds", json=given, headers=key)
        assert (first.status_code, again.status_code) == (201, 200)
        assert first.json() == again.json()
        taken = await office.client.post("/v1/feeds", json=given)
        assert taken.status_code == 409 and "'quay' is taken" in taken.json()["detail"]


@pytest.mark.asyncio
async def test_the_snapshot_of_a_new_feed() -> None:
    """Its parts, its tag, and who may store it."""
    async with open_office() as office:
        feed = await office.feed()
        answer = await office.public.get("/v1/feeds/quay")
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
async def test_a_snapshot_that_is_held_already_is_304() -> None:
    """Also if a proxy made the tag weak; until something happens."""
    async with open_office() as office:
        await office.feed()
        tag = (await office.public.get("/v1/feeds/quay")).headers["etag"]
        for given in (tag, f"W/{tag}", f'"x", {tag}', "*"):
            headers = {"if-none-match": given}
            answer = await office.public.get("/v1/feeds/quay", headers=headers)
            assert (answer.status_code, answer.content) == (304, b""), given
            assert answer.headers["etag"] == tag
            assert answer.headers["cache-control"] == PUBLIC
        await office.post()
        headers = {"if-none-match": tag}
        answer = await office.public.get("/v1/feeds/quay", headers=headers)
        assert answer.status_code == 200


@pytest.mark.asyncio
async def test_a_snapshot_shows_20_posts_and_the_pinned_one() -> None:
    """The pinned post is shown apart; its place in the order stays."""
    async with open_office() as office:
        await office.feed()
        for number in range(25):
            await office.post(headline=str(number), pinned=number == 2)
        snapshot = (await office.public.get("/v1/feeds/quay")).json()
        shown = [post["headline"] for post in snapshot["posts"]]
        assert shown == [str(number) for number in range(24, 4, -1)]
        assert snapshot["pinned"]["headline"] == "2"
        rest = (await office.public.get(snapshot["next"])).json()
        assert [post["headline"] for post in rest["posts"]] == list("43210")
        assert rest["next"] is None


@pytest.mark.asyncio
async def test_a_change_of_a_feed() -> None:
    """Merged, counted, and in the next snapshot; If-Match is optional."""
    async with open_office() as office:
        await office.feed()
        patch = {"status": "paused"}
        answer = await office.client.patch("/v1/feeds/quay", json=patch)
        assert answer.status_code == 200
        assert (answer.json()["status"], answer.json()["rev"]) == ("paused", 2)
        assert answer.headers["etag"] == '"2"'
        snapshot = (await office.public.get("/v1/feeds/quay")).json()
        assert snapshot["feed"] == answer.json()
        stale = await office.client.patch(
            "/v1/feeds/quay", json={"title": "x"}, headers={"if-match": '"1"'}
        )
        assert stale.status_code == 412
        assert stale.json()["current"] == answer.json()


@pytest.mark.asyncio
async def test_a_deleted_feed_is_gone() -> None:
    """204, then 404 on every address of it."""
    async with open_office() as office:
        await office.feed()
        post = (await office.post()).json()["post"]["id"]
        stale = await office.client.delete(
            "/v1/feeds/quay", headers={"if-match": '"9"'}
        )
        assert stale.status_code == 412
        assert (await office.client.delete("/v1/feeds/quay")).status_code == 204
        assert (await office.client.delete("/v1/feeds/quay")).status_code == 404
        for path in ("", "/posts", f"/posts/{post}"):
            answer = await office.public.get(f"/v1/feeds/quay{path}")
            assert answer.status_code == 404, path
        assert (await office.public.get("/v1/feeds")).json()["feeds"] == []


@pytest.mark.asyncio
async def test_visibility() -> None:
    """Public in lists; unlisted by its address; private not there without a token."""
    async with open_office() as office:
        for visibility in ("public", "unlisted", "private"):
            await office.feed(visibility, visibility=visibility)
            await office.post(visibility)
        listed = (await office.public.get("/v1/feeds")).json()["feeds"]
        assert [feed["slug"] for feed in listed] == ["public"]
        open_ = await office.public.get("/v1/feeds/public")
        unlisted = await office.public.get("/v1/feeds/unlisted")
        assert open_.headers["cache-control"] == PUBLIC
        assert unlisted.headers["cache-control"] == PRIVATE
        absent = await office.public.get("/v1/feeds/absent")
        hidden = await office.public.get("/v1/feeds/private")
        assert hidden.status_code == absent.status_code == 404
        assert hidden.text.replace("private", "absent") == absent.text
        del hidden.headers["content-length"], absent.headers["content-length"]
        assert hidden.headers == absent.headers
        other = office.reader(authorization=await office.token("read", feeds=["x"]))
        assert (await other.get("/v1/feeds/private")).status_code == 404
        mine = office.reader(
            authorization=await office.token("read", feeds=["private"])
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
        assert (await office.public.get("/v1/feeds?all=true")).status_code == 401


@pytest.mark.asyncio
async def test_a_token_makes_the_feeds_it_is_for() -> None:
    """And no other; the missing scope is named before the fields are looked at."""
    async with open_office() as office:
        write = office.reader(authorization=await office.token("manage", feeds=["a"]))
        given = {"slug": "a", "title": "x"}
        assert (await write.post("/v1/feeds", json=given)).status_code == 201
        refused = await write.post("/v1/feeds", json=given | {"slug": "b"})
        assert refused.status_code == 403 and refused.json()["scope"] == "manage"
        read = office.reader(authorization=await office.token("read"))
        refused = await read.post("/v1/feeds", content=b"{")
        assert refused.status_code == 403 and refused.json()["scope"] == "manage"


@pytest.mark.asyncio
@pytest.mark.parametrize("everything", ["", "&all=true"])
async def test_feeds_a_page_at_a_time(everything: str) -> None:
    """Newest made first, each once, though one that led on is deleted meanwhile."""
    async with open_office() as office:
        for n in range(5):
            await office.feed(f"quay-{n}")
        await office.feed("hidden", visibility="private")
        whole = (await office.client.get(f"/v1/feeds?{everything[1:]}")).json()
        assert whole["next"] is None
        path, pages = f"/v1/feeds?limit=2{everything}", []
        while path:
            page = (await office.client.get(path)).json()
            pages.append([feed["slug"] for feed in page["feeds"]])
            if len(pages) == 1:
                await office.client.delete(f"/v1/feeds/{pages[0][-1]}")
            path = page["next"]
        assert sum(pages, []) == [feed["slug"] for feed in whole["feeds"]]
        assert [len(page) for page in pages] == ([2, 2, 2] if everything else [2, 2, 1])
        for wrong in ("limit=0", "limit=101", "limit=x", "before=x"):
            answer = await office.client.get(f"/v1/feeds?{wrong}")
            assert answer.status_code == 422
            assert answer.json()["field"] == wrong.partition("=")[0]
