"""Revisions and restoring over HTTP."""

from __future__ import annotations

import httpx
import pytest

from tests.unit.web.desk_harness import Office, open_office

pytestmark = pytest.mark.asyncio


async def withdrawn_post(office: Office) -> str:
    """The path of a post that was edited and withdrawn."""
    await office.feed()
    made = (await office.post(body="*first*", external_id="e")).json()
    path = f"/v1/feeds/quay/posts/{made['post']['id']}"
    match = {"if-match": '"1"'}
    given = {"body": "second"}
    assert (await office.client.patch(path, json=given, headers=match)).is_success
    assert (await office.client.delete(path)).status_code == 204
    return path


def problem_of(answer: httpx.Response) -> tuple[int, str]:
    """Its status, and what kind of problem it is."""
    return answer.status_code, answer.json()["type"].rpartition(":")[2]


async def test_a_withdrawn_post_tells_its_revision_to_who_may_put_it_back() -> None:
    """410 for all, with `rev` and ETag for who may publish."""
    async with open_office() as office:
        path = await withdrawn_post(office)
        told = await office.client.get(path)
        assert problem_of(told) == (410, "withdrawn")
        assert (told.json()["rev"], told.headers["etag"]) == (3, '"3"')
        assert "no-store" in told.headers["cache-control"]
        shown = await office.public.get(path)
        assert problem_of(shown) == (410, "withdrawn")
        assert "rev" not in shown.json() and "etag" not in shown.headers


async def test_a_withdrawal_may_be_conditional() -> None:
    """412 if it changed meanwhile; once it is withdrawn 204, whatever If-Match says."""
    async with open_office() as office:
        await office.feed()
        made = (await office.post()).json()
        path = f"/v1/feeds/quay/posts/{made['post']['id']}"
        stale = await office.client.delete(path, headers={"if-match": '"7"'})
        assert problem_of(stale) == (412, "stale-revision")
        for match in ('"1"', '"1"', '"7"', "*", 'W/"1"'):
            done = await office.client.delete(path, headers={"if-match": match})
            assert done.status_code == 204


async def test_restored() -> None:
    """200 `{post, cursor}`: out again, with the same id; twice: no second event."""
    async with open_office() as office:
        path = await withdrawn_post(office)
        done = await office.client.post(f"{path}/restore")
        assert done.status_code == 200 and done.headers["etag"] == '"4"'
        assert "no-store" in done.headers["cache-control"]
        post = done.json()["post"]
        assert (post["body"], post["external_id"], post["rev"]) == ("second", "e", 4)
        assert (await office.public.get(path)).json()["html"] == "<p>second</p>"
        again = await office.client.post(f"{path}/restore")
        assert (again.status_code, again.json()) == (200, done.json())
        snapshot = (await office.public.get("/v1/feeds/quay")).json()
        assert [one["id"] for one in snapshot["posts"]] == [post["id"]]
        assert snapshot["cursor"] == done.json()["cursor"]


async def test_revisions() -> None:
    """Newest first, whole, with when, by whom and why."""
    async with open_office() as office:
        path = await withdrawn_post(office)
        answer = await office.client.get(f"{path}/revisions")
        assert answer.status_code == 200
        assert "no-store" in answer.headers["cache-control"]
        second, first = answer.json()["revisions"]
        assert set(first) == {"rev", "at", "by", "note", "post"}
        assert (second["rev"], first["rev"]) == (2, 1)
        assert (second["post"]["body"], first["post"]["body"]) == ("second", "*first*")
        assert first["by"] == "admin" and first["at"].endswith("Z")


async def test_states_of_a_release_without_revisions_have_a_time() -> None:
    """When the post says that it was changed last; by whom nobody knows."""
    async with open_office() as office:
        await office.feed()
        post = (await office.post()).json()["post"]
        office.store.kept["quay"].abouts.clear()
        path = f"/v1/feeds/quay/posts/{post['id']}"
        await office.client.delete(path)
        (only,) = (await office.client.get(f"{path}/revisions")).json()["revisions"]
        assert (only["at"], only["by"]) == (post["published_at"], None)


async def test_only_publishers_may_list_and_restore() -> None:
    """Nobody else learns whether there is anything."""
    async with open_office() as office:
        path = await withdrawn_post(office)
        reader = office.reader(authorization=await office.token("read"))
        for client, status in ((office.public, 401), (reader, 403)):
            assert (await client.get(f"{path}/revisions")).status_code == status
            assert (await client.post(f"{path}/restore")).status_code == status
        nothing = "/v1/feeds/quay/posts/nothing"
        assert (await office.client.get(f"{nothing}/revisions")).status_code == 404
        assert (await office.client.post(f"{nothing}/restore")).status_code == 404
