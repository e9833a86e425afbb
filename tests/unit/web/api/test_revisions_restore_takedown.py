"""Revisions and restoring over HTTP."""

from __future__ import annotations

import httpx
import pytest

from tests.unit.web.desk_harness import DeskHarness, open_harness

pytestmark = pytest.mark.asyncio


async def withdrawn_post(harness: DeskHarness) -> str:
    """The path of a post that was edited and withdrawn."""
    await harness.feed()
    made = (await harness.post(body="*first*", external_id="e")).json()
    path = f"/v1/feeds/quay/posts/{made['post']['id']}"
    match = {"if-match": '"1"'}
    given = {"body": "second"}
    assert (await harness.client.patch(path, json=given, headers=match)).is_success
    assert (await harness.client.delete(path)).status_code == 204
    return path


def problem_of(answer: httpx.Response) -> tuple[int, str]:
    """Its status, and what kind of problem it is."""
    return answer.status_code, answer.json()["type"].rpartition(":")[2]


async def test_publishers_get_the_revision_of_a_withdrawn_post() -> None:
    """410 for all, with `rev` and ETag for publishers."""
    async with open_harness() as harness:
        path = await withdrawn_post(harness)
        reported = await harness.client.get(path)
        assert problem_of(reported) == (410, "withdrawn")
        assert (reported.json()["rev"], reported.headers["etag"]) == (3, '"3"')
        assert "no-store" in reported.headers["cache-control"]
        shown = await harness.public.get(path)
        assert problem_of(shown) == (410, "withdrawn")
        assert "rev" not in shown.json() and "etag" not in shown.headers


async def test_a_withdrawal_may_be_conditional() -> None:
    """412 if the post changed meanwhile; once withdrawn 204, whatever If-Match says."""
    async with open_harness() as harness:
        await harness.feed()
        made = (await harness.post()).json()
        path = f"/v1/feeds/quay/posts/{made['post']['id']}"
        stale = await harness.client.delete(path, headers={"if-match": '"7"'})
        assert problem_of(stale) == (412, "stale-revision")
        for match in ('"1"', '"1"', '"7"', "*", 'W/"1"'):
            done = await harness.client.delete(path, headers={"if-match": match})
            assert done.status_code == 204


async def test_a_restored_post_keeps_its_id() -> None:
    """200 `{post, cursor}`; restoring it twice appends no second event."""
    async with open_harness() as harness:
        path = await withdrawn_post(harness)
        done = await harness.client.post(f"{path}/restore")
        assert done.status_code == 200 and done.headers["etag"] == '"4"'
        assert "no-store" in done.headers["cache-control"]
        post = done.json()["post"]
        assert (post["body"], post["external_id"], post["rev"]) == ("second", "e", 4)
        assert (await harness.public.get(path)).json()["html"] == "<p>second</p>"
        again = await harness.client.post(f"{path}/restore")
        assert (again.status_code, again.json()) == (200, done.json())
        snapshot = (await harness.public.get("/v1/feeds/quay")).json()
        assert [one["id"] for one in snapshot["posts"]] == [post["id"]]
        assert snapshot["cursor"] == done.json()["cursor"]


async def test_revisions_are_listed_newest_first() -> None:
    """Each is whole, with time, author and reason."""
    async with open_harness() as harness:
        path = await withdrawn_post(harness)
        answer = await harness.client.get(f"{path}/revisions")
        assert answer.status_code == 200
        assert "no-store" in answer.headers["cache-control"]
        second, first = answer.json()["revisions"]
        assert set(first) == {"rev", "at", "by", "note", "post"}
        assert (second["rev"], first["rev"]) == (2, 1)
        assert (second["post"]["body"], first["post"]["body"]) == ("second", "*first*")
        assert first["by"] == "admin" and first["at"].endswith("Z")


async def test_states_without_a_revision_have_a_time() -> None:
    """The post's last change gives the time; the author is unknown."""
    async with open_harness() as harness:
        await harness.feed()
        post = (await harness.post()).json()["post"]
        harness.store.kept["quay"].abouts.clear()
        path = f"/v1/feeds/quay/posts/{post['id']}"
        await harness.client.delete(path)
        (only,) = (await harness.client.get(f"{path}/revisions")).json()["revisions"]
        assert (only["at"], only["by"]) == (post["published_at"], None)


async def test_only_publishers_may_list_and_restore() -> None:
    """Other callers don't learn whether a revision exists."""
    async with open_harness() as harness:
        path = await withdrawn_post(harness)
        reader = harness.reader(authorization=await harness.token("read"))
        for client, status in ((harness.public, 401), (reader, 403)):
            assert (await client.get(f"{path}/revisions")).status_code == status
            assert (await client.post(f"{path}/restore")).status_code == status
        nothing = "/v1/feeds/quay/posts/nothing"
        assert (await harness.client.get(f"{nothing}/revisions")).status_code == 404
        assert (await harness.client.post(f"{nothing}/restore")).status_code == 404
