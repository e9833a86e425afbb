"""Posts by external id over HTTP."""

from __future__ import annotations

from urllib.parse import quote

import pytest

from stoppress.web.cache_control import FULL, PUBLIC
from tests.unit.web.desk_harness import open_harness

PATH = "/v1/feeds/quay/external/cms-1"


@pytest.mark.asyncio
async def test_put_creates_then_updates() -> None:
    """201 with Location, then 200; no change: same rev and cursor."""
    async with open_harness() as harness:
        await harness.feed()
        first = await harness.client.put(PATH, json={"body": "a", "tags": ["x"]})
        assert first.status_code == 201, first.text
        post = first.json()["post"]
        assert post["external_id"] == "cms-1"
        assert first.headers["location"] == f"/v1/feeds/quay/posts/{post['id']}"
        assert first.headers["etag"] == '"1"'
        assert first.headers["cache-control"] == FULL["cache-control"]
        second = await harness.client.put(
            PATH, json={"body": "b"}, headers={"if-match": '"1"'}
        )
        assert (second.status_code, second.headers["etag"]) == (200, '"2"')
        assert "location" not in second.headers
        assert second.json()["post"]["tags"] == ["x"]
        again = await harness.client.put(PATH, json={"body": "b"})
        assert (again.status_code, again.json()) == (200, second.json())
        stale = await harness.client.put(
            PATH, json={"body": "c"}, headers={"if-match": '"1"'}
        )
        assert stale.status_code == 412
        assert stale.json()["current"] == second.json()["post"]


@pytest.mark.asyncio
async def test_an_idempotency_key_repeats_the_first_answer() -> None:
    """Another body under the same key gets 422."""
    async with open_harness() as harness:
        await harness.feed()
        key = {"idempotency-key": "k"}
        first = await harness.client.put(PATH, json={"body": "a"}, headers=key)
        again = await harness.client.put(PATH, json={"body": "a"}, headers=key)
        assert (first.status_code, again.status_code) == (201, 200)
        assert first.json() == again.json()
        other = await harness.client.put(PATH, json={"body": "b"}, headers=key)
        assert other.status_code == 422


@pytest.mark.asyncio
async def test_readers_get_the_public_form() -> None:
    """Without the private members, cacheable; editors get all members."""
    async with open_harness() as harness:
        await harness.feed()
        await harness.client.put(PATH, json={"body": "a"})
        mine = await harness.client.get(PATH)
        assert mine.json()["external_id"] == "cms-1"
        theirs = await harness.public.get(PATH)
        assert theirs.status_code == 200 and "body" not in theirs.json()
        assert theirs.headers["cache-control"] == PUBLIC
        assert theirs.headers["access-control-allow-origin"] == "*"
        same = await harness.public.get(PATH, headers={"if-none-match": '"1"'})
        assert same.status_code == 304


@pytest.mark.asyncio
async def test_a_withdrawn_post_is_410() -> None:
    """204, again 204; then 410, with the revision for publishers."""
    async with open_harness() as harness:
        await harness.feed()
        post = (await harness.client.put(PATH, json={"body": "a"})).json()["post"]
        stale = await harness.client.delete(PATH, headers={"if-match": '"7"'})
        assert stale.status_code == 412
        for _ in range(2):
            answer = await harness.client.delete(PATH)
            assert (answer.status_code, answer.content) == (204, b"")
        for answer in (
            await harness.client.get(PATH),
            await harness.client.put(PATH, json={"body": "a"}),
        ):
            assert answer.status_code == 410
            assert answer.json()["rev"] == 2
            assert answer.json()["post"] == {"id": post["id"], "withdrawn": True}
        back = await harness.client.put(
            PATH, json={"tags": ["x"]}, headers={"if-match": '"2"'}
        )
        assert (back.status_code, back.headers["etag"]) == (200, '"3"')
        again = back.json()["post"]
        assert (again["body"], again["published_at"]) == ("a", post["published_at"])
        await harness.client.delete(PATH)
        theirs = await harness.public.get(PATH)
        assert theirs.status_code == 410 and "rev" not in theirs.json()


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("written", "external_id"),
    [
        ("sport/1/live", "sport/1/live"),
        ("sport%2F1", "sport/1"),
        ("100%2525", "100%25"),
        ("%C3%BC/%E6%96%B0", "ü/新"),
        ("urn:x?a=1#b".replace("?", "%3F").replace("#", "%23"), "urn:x?a=1#b"),
        ("..%2F..", "../.."),
        ("a//b/", "a//b/"),
        ("a+b%20c", "a+b c"),
        ("%EF%BF%BD", "\ufffd"),
        ("posts", "posts"),
        (quote("é" * 200), "é" * 200),
    ],
)
async def test_an_external_id_may_be_any_text(written: str, external_id: str) -> None:
    """It is percent-encoded, and may contain a slash."""
    async with open_harness() as harness:
        await harness.feed()
        path = f"/v1/feeds/quay/external/{written}"
        made = await harness.client.put(path, json={"body": "a"})
        assert made.status_code == 201, made.text
        assert made.json()["post"]["external_id"] == external_id
        assert (await harness.public.get(path)).status_code == 200
        assert (await harness.client.delete(path)).status_code == 204


@pytest.mark.asyncio
@pytest.mark.parametrize("written", ["", "%00", "%FF", "a%ff%EF%BF%BD", "x" * 201])
async def test_an_invalid_external_id_is_refused(written: str) -> None:
    """422 names it, for each method."""
    async with open_harness() as harness:
        await harness.feed()
        path = f"/v1/feeds/quay/external/{written}"
        for answer in (
            await harness.client.put(path, json={"body": "a"}),
            await harness.client.get(path),
            await harness.client.delete(path),
        ):
            assert answer.status_code == 422, answer.text
            assert answer.json()["field"] == "external_id"


@pytest.mark.asyncio
async def test_an_id_cut_by_an_unencoded_question_mark_is_refused() -> None:
    """An unencoded `?` ends the id; reads may add a query of their own."""
    async with open_harness() as harness:
        await harness.feed()
        await harness.client.put(PATH, json={"body": "a"})
        cut = await harness.client.put(f"{PATH}?page=1", json={"body": "b"})
        assert cut.status_code == 422 and "%3F" in cut.json()["detail"]
        assert (await harness.client.delete(f"{PATH}?page=1")).status_code == 422
        assert (await harness.public.get(f"{PATH}?v=1")).json()["rev"] == 1


@pytest.mark.asyncio
async def test_absent_posts_missing_tokens_and_private_feeds_are_refused() -> None:
    """Absent 404, with If-Match 412; no token 401; a private feed 404."""
    async with open_harness() as harness:
        await harness.feed()
        await harness.feed("closed", visibility="private")
        assert (await harness.public.get(PATH)).status_code == 404
        assert (await harness.client.delete(PATH)).status_code == 404
        for given in ("*", '"1"'):
            absent = await harness.client.put(
                PATH, json={"body": "a"}, headers={"if-match": given}
            )
            assert absent.status_code == 412, given
        assert (await harness.public.put(PATH, json={"body": "a"})).status_code == 401
        hidden = "/v1/feeds/closed/external/x"
        assert (await harness.client.put(hidden, json={"body": "a"})).is_success
        there = await harness.public.get(hidden)
        nowhere = await harness.public.get("/v1/feeds/nowhere/external/x")
        assert there.status_code == nowhere.status_code == 404
        assert there.text == nowhere.text.replace("nowhere", "closed")
        assert (
            await harness.client.put("/v1/feeds/nowhere/external/x", json={"body": "a"})
        ).status_code == 404
