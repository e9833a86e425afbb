"""Posts over HTTP."""

from __future__ import annotations

import pytest

from stoppress.web import paginate_posts_as_json as module
from stoppress.web.cache_control import PRIVATE, PUBLIC
from tests.unit.web.desk_harness import BASE, DeskHarness, open_harness


@pytest.mark.asyncio
async def test_publishing_returns_201_post_and_cursor() -> None:
    """With Location and the revision as ETag."""
    async with open_harness() as harness:
        await harness.feed()
        given = {
            "headline": "Water",
            "body": "**rises**",
            "language": "ar",
            "direction": "rtl",
            "key": True,
            "breaking": True,
            "tags": ["flood"],
            "authors": [{"name": "A", "url": "https://a.example"}],
            "source": {"name": "S"},
            "location": "Pier 3",
            "media": [{"type": "image", "url": "/a.svg", "width": 4, "height": 3}],
            "published_at": "2026-11-22T12:30:00+03:00",
            "correction": {"note": "n"},
            "external_id": "e",
        }
        answer = await harness.client.post("/v1/feeds/quay/posts", json=given)
        assert answer.status_code == 201
        made = answer.json()
        assert set(made) == {"post", "cursor"} and made["cursor"].endswith("-1")
        post = made["post"]
        path = f"/v1/feeds/quay/posts/{post['id']}"
        assert answer.headers["location"] == path
        assert answer.headers["etag"] == '"1"'
        for name in set(given) - {"published_at", "correction"}:
            assert post[name] == given[name], name
        assert post["html"] == "<p><strong>rises</strong></p>"
        assert post["published_at"] == "2026-11-22T09:30:00.000Z"
        assert "updated_at" not in post
        assert post["correction"]["note"] == "n"
        assert post["rev"] == 1 and "pinned" not in post
        assert post["url"] == f"{BASE}/live/quay/{post['id']}"
        read = await harness.public.get(path)
        public = {k: v for k, v in post.items() if k not in ("body", "external_id")}
        assert (read.json(), read.headers["etag"]) == (public, '"1"')
        assert read.headers["cache-control"] == PUBLIC
        same = await harness.public.get(path, headers={"if-none-match": '"1"'})
        assert same.status_code == 304


@pytest.mark.asyncio
async def test_a_repeated_publish_returns_the_first_id_and_cursor() -> None:
    """200 with the post's current state, or that it was withdrawn."""
    async with open_harness() as harness:
        await harness.feed()
        key = {"idempotency-key": "k 1"}
        path = "/v1/feeds/quay/posts"
        first = await harness.client.post(path, json={"body": "a"}, headers=key)
        again = await harness.client.post(path, json={"body": "a"}, headers=key)
        assert (first.status_code, again.status_code) == (201, 200)
        assert first.json() == again.json()
        other = await harness.client.post(path, json={"body": "b"}, headers=key)
        assert other.status_code == 422 and "k 1" in other.json()["detail"]
        post = first.json()["post"]["id"]
        await harness.client.delete(f"{path}/{post}")
        gone = await harness.client.post(path, json={"body": "a"}, headers=key)
        assert gone.status_code == 200
        assert gone.json() == {
            "post": {"id": post, "withdrawn": True},
            "cursor": first.json()["cursor"],
        }
        assert len(harness.store.kept["quay"].events) == 2


@pytest.mark.asyncio
async def test_an_external_id_belongs_to_one_post() -> None:
    """409 with that post; it stays taken after the withdrawal."""
    async with open_harness() as harness:
        await harness.feed()
        first = (await harness.post(external_id="wire-7")).json()["post"]
        path = "/v1/feeds/quay/posts"
        given = {"body": "b", "external_id": "wire-7"}
        answer = await harness.client.post(path, json=given)
        assert answer.status_code == 409 and answer.json()["post"] == first
        await harness.client.delete(f"{path}/{first['id']}")
        answer = await harness.client.post(path, json=given)
        assert answer.status_code == 409
        assert answer.json()["post"] == {"id": first["id"], "withdrawn": True}


@pytest.mark.asyncio
async def test_an_edit_merges_fields_and_checks_if_match() -> None:
    """200 with the merged post; 428, 412 or 400 if If-Match is wrong."""
    async with open_harness() as harness:
        await harness.feed()
        post = (await harness.post(tags=["a"])).json()["post"]
        path = f"/v1/feeds/quay/posts/{post['id']}"
        missing = await harness.client.patch(path, json={"body": "b"})
        assert missing.status_code == 428 and missing.headers["etag"] == '"1"'
        answer = await harness.client.patch(
            path,
            json={"body": "b", "headline": None},
            headers={"if-match": '"1"', "content-type": "application/merge-patch+json"},
        )
        assert answer.status_code == 200 and answer.headers["etag"] == '"2"'
        edited = answer.json()["post"]
        assert (edited["body"], edited["tags"]) == ("b", ["a"])
        assert "headline" not in edited
        for given in ('"1"', 'W/"3"', '"x"', '"1", "7"', '"99999999999999999999"'):
            stale = await harness.client.patch(
                path, json={"body": "c"}, headers={"if-match": given}
            )
            assert stale.status_code == 412, given
            assert stale.json()["current"] == edited
            assert stale.headers["etag"] == '"2"'
        for wrong in (b"2", b"", b'"2', "“2”".encode(), b'"02"', b'"0"', b'"2", "02"'):
            bad = await harness.client.patch(
                path, json={"body": "c"}, headers={b"if-match": wrong}
            )
            assert bad.status_code == 400, wrong
        same = await harness.client.patch(
            path, json={"body": "b"}, headers={"if-match": '"1", "2"'}
        )
        assert same.status_code == 200
        assert same.json() == {"post": edited, "cursor": answer.json()["cursor"]}
        forced = await harness.client.patch(
            path, json={"body": "d"}, headers={"if-match": "*"}
        )
        assert forced.json()["post"]["rev"] == 3


@pytest.mark.asyncio
async def test_a_repeated_edit_returns_the_first_cursor() -> None:
    """200, though the revision has moved on."""
    async with open_harness() as harness:
        await harness.feed()
        post = (await harness.post()).json()["post"]
        path = f"/v1/feeds/quay/posts/{post['id']}"
        headers = {"if-match": '"1"', "idempotency-key": "k"}
        first = await harness.client.patch(path, json={"body": "b"}, headers=headers)
        again = await harness.client.patch(path, json={"body": "b"}, headers=headers)
        assert first.status_code == again.status_code == 200
        assert first.json() == again.json()


@pytest.mark.asyncio
async def test_a_withdrawn_post_is_410() -> None:
    """204, again 204; reading and editing 410; an unknown id 404."""
    async with open_harness() as harness:
        await harness.feed()
        post = (await harness.post()).json()["post"]
        path = f"/v1/feeds/quay/posts/{post['id']}"
        stale = await harness.client.delete(path, headers={"if-match": '"2"'})
        assert stale.status_code == 412
        for _ in range(2):
            answer = await harness.client.delete(path)
            assert (answer.status_code, answer.content) == (204, b"")
        read = await harness.public.get(path)
        assert read.status_code == 410
        assert "Water" not in read.text and "withdrawn" in read.json()["detail"]
        edit = await harness.client.patch(path, json={}, headers={"if-match": "*"})
        assert edit.status_code == 410
        assert (await harness.client.patch(path, json={})).status_code == 410
        for name in ("01234567890123", "x", "a" * 65, "%7B%7D", "%00"):
            absent = f"/v1/feeds/quay/posts/{name}"
            assert (await harness.public.get(absent)).status_code == 404, name
            assert (await harness.client.delete(absent)).status_code == 404, name
            assert (await harness.client.patch(absent, json={})).status_code == 404
        assert [e.type.name for e in harness.store.kept["quay"].events] == [
            "post.published",
            "post.withdrawn",
        ]


async def walk(harness: DeskHarness, path: str | None) -> list[list[str]]:
    """Every page from `path` on, as headlines."""
    pages: list[list[str]] = []
    while path is not None:
        answer = await harness.public.get(path)
        assert answer.status_code == 200, answer.text
        pages.append([post["headline"] for post in answer.json()["posts"]])
        path = answer.json()["next"]
        assert len(pages) < 100
    return pages


@pytest.mark.asyncio
async def test_pages_continue_after_the_last_post() -> None:
    """By published_at, then the newest created; also if that post is withdrawn."""
    async with open_harness() as harness:
        await harness.feed()
        same = "2026-11-22T09:30:00Z"
        for number in range(5):
            await harness.post(headline=str(number), published_at=same)
        await harness.post(headline="old", published_at="2026-11-21T09:30:00Z")
        path = "/v1/feeds/quay/posts?limit=2"
        assert await walk(harness, path) == [["4", "3"], ["2", "1"], ["0", "old"]]
        first = (await harness.public.get(path)).json()
        await harness.client.delete(f"/v1/feeds/quay/posts/{first['posts'][1]['id']}")
        assert await walk(harness, first["next"]) == [["2", "1"], ["0", "old"]]
        assert await walk(harness, path) == [["4", "2"], ["1", "0"], ["old"]]


@pytest.mark.asyncio
async def test_pages_are_filtered_by_tag_and_key() -> None:
    """`next` keeps the filters and is absent after the last post."""
    async with open_harness() as harness:
        await harness.feed()
        for number in range(9):
            tags = ["rain & sun"] if number % 2 else []
            await harness.post(headline=str(number), tags=tags, key=number % 3 == 0)
        path = "/v1/feeds/quay/posts?limit=2"
        tagged = path + "&tag=rain+%26+sun"
        assert await walk(harness, tagged) == [["7", "5"], ["3", "1"], []]
        assert await walk(harness, path + "&key=true") == [["6", "3"], ["0"]]
        assert await walk(harness, tagged + "&key=true") == [["3"]]
        assert await walk(harness, path + "&tag=&key=false&before=") == [
            ["8", "7"],
            ["6", "5"],
            ["4", "3"],
            ["2", "1"],
            ["0"],
        ]
        assert await walk(harness, path + "&tag=RAIN") == [[]]


@pytest.mark.asyncio
async def test_posts_scanned_per_search_are_bounded(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A page may be empty and `next` lead on: no request reads a whole feed."""
    monkeypatch.setattr(module, "MAX_SCANNED_RECORDS", 4)
    monkeypatch.setattr(module, "SCAN_STEP", 2)
    async with open_harness() as harness:
        await harness.feed()
        for number in range(10):
            await harness.post(headline=str(number), tags=["t"] if number == 3 else [])
        harness.store.calls.clear()
        answer = await harness.public.get("/v1/feeds/quay/posts?tag=t")
        assert answer.json()["posts"] == [] and answer.json()["next"] is not None
        assert harness.store.calls.count("page") == 2
        assert await walk(harness, "/v1/feeds/quay/posts?tag=t") == [[], ["3"], []]


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("limit=0", "limit"),
        ("limit=101", "limit"),
        ("limit=ten", "limit"),
        ("limit=-1", "limit"),
        ("limit=1.5", "limit"),
        ("limit=٣", "limit"),
        ("limit=99999999999999999999", "limit"),
        ("key=yes", "key"),
        ("order=up", "order"),
        ("order=oldest&after=nonsense", "after"),
        ("before=nonsense", "before"),
    ],
)
async def test_an_invalid_query_parameter_is_named(query: str, field: str) -> None:
    """422, as for a body."""
    async with open_harness() as harness:
        await harness.feed()
        answer = await harness.public.get(f"/v1/feeds/quay/posts?{query}")
        assert answer.status_code == 422 and answer.json()["field"] == field
        assert (await harness.public.get("/v1/feeds/quay/posts?limit=100")).is_success


@pytest.mark.asyncio
async def test_private_posts_need_a_token_and_are_not_cached() -> None:
    """On every address."""
    async with open_harness() as harness:
        await harness.feed(visibility="private")
        post = (await harness.post()).json()["post"]["id"]
        mine = harness.reader(authorization=await harness.token("read", feeds=["quay"]))
        for path in ("/v1/feeds/quay/posts", f"/v1/feeds/quay/posts/{post}"):
            assert (await harness.public.get(path)).status_code == 404
            answer = await mine.get(path)
            assert answer.status_code == 200
            assert answer.headers["cache-control"] == PRIVATE
        refused = await mine.post("/v1/feeds/quay/posts", json={"body": "x"})
        assert refused.status_code == 403 and refused.json()["scope"] == "publish"
        other = harness.reader(
            authorization=await harness.token("publish", feeds=["x"])
        )
        absent = await other.post("/v1/feeds/quay/posts", json={"body": "x"})
        assert absent.status_code == 404


@pytest.mark.asyncio
async def test_certainty_is_shown_to_readers_if_the_feed_enables_it() -> None:
    """In lists, snapshots and posts; a copy cached before the change is not reused."""
    async with open_harness() as harness:
        await harness.feed()
        made = await harness.post(verification="disputed")
        post = made.json()["post"]
        assert post["verification"] == "disputed"
        single = f"/v1/feeds/quay/posts/{post['id']}"
        for shows in (False, True, False):
            await harness.client.patch(
                "/v1/feeds/quay", json={"show_verification": shows}
            )
            asked = {"if-none-match": made.headers["etag"]}
            shown = [
                (await harness.public.get("/v1/feeds/quay")).json()["posts"][0],
                (await harness.public.get("/v1/feeds/quay/posts")).json()["posts"][0],
                (await harness.public.get(single, headers=asked)).json(),
            ]
            reported = "disputed" if shows else None
            assert [one.get("verification") for one in shown] == [reported] * 3
