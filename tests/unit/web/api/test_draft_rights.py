"""The calls of drafts are refused by scope, owner and the two-person rule."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.unit.web.api.drafts_harness import DRAFTS, SECRET, person, save
from tests.unit.web.desk_harness import DeskHarness, open_harness

pytestmark = pytest.mark.asyncio


@pytest_asyncio.fixture
async def harness() -> AsyncIterator[DeskHarness]:
    """A desk with a feed."""
    async with open_harness() as harness:
        await harness.feed()
        yield harness


async def test_a_contributor_only_submits_its_own_drafts(harness: DeskHarness) -> None:
    """Its own drafts, in the states draft and submitted."""
    writer, other = await person(harness, "draft"), await person(harness, "draft")
    mine = await save(writer, state="submitted")
    theirs = await save(other)
    path = f"{DRAFTS}/{mine['id']}"
    for state in ("approved", "scheduled"):
        given = {"headline": "H", "state": state}
        if state == "scheduled":
            given["publish_at"] = "2100-01-01T00:00:00Z"
        put = await writer.put(path, json=given, headers={"if-match": "*"})
        assert (put.status_code, put.json()["scope"]) == (403, "publish")
        assert (await writer.post(DRAFTS, json=given)).status_code == 403
    assert (await writer.post(f"{path}/publish")).status_code == 403
    foreign = f"{DRAFTS}/{theirs['id']}"
    put = await writer.put(foreign, json={}, headers={"if-match": "*"})
    reported = [
        await writer.get(foreign),
        put,
        await writer.delete(foreign),
        await writer.post(f"{foreign}/comments", json={"text": "x"}),
    ]
    assert {answer.status_code for answer in reported} == {404}
    listed = (await writer.get(DRAFTS, params={"owner": theirs["owner"]["id"]})).json()
    assert [one["id"] for one in listed["drafts"]] == [mine["id"]]
    # An editor works in place, and approves: then it is the editor's.
    editor = await person(harness, "publish")
    given = {"headline": "Better", "state": "approved"}
    put = await editor.put(path, json=given, headers={"if-match": '"1"'})
    assert put.json()["draft"]["owner"] == mine["owner"]
    assert put.json()["draft"]["edited_by"] != mine["owner"]
    late = await writer.put(path, json={"headline": "H"}, headers={"if-match": "*"})
    assert late.status_code == 403
    assert "ask an editor" in late.json()["detail"]
    assert (await writer.delete(path)).status_code == 403
    assert (
        await writer.post(f"{path}/comments", json={"text": "Good."})
    ).status_code == 201
    assert (await writer.get("/v1/feeds/quay")).status_code == 200


async def test_a_reader_sees_no_draft(harness: DeskHarness) -> None:
    """Without the scope there are no drafts; no public answer contains their text."""
    made = await save(harness.client, notes=SECRET, body=SECRET)
    path = f"{DRAFTS}/{made['id']}"
    reported = await harness.client.post(f"{path}/comments", json={"text": SECRET})
    (said,) = reported.json()["draft"]["comments"]
    reader = await person(harness, "read")
    for client, status in ((harness.public, 401), (reader, 403)):
        for method, url in (
            ("GET", DRAFTS),
            ("POST", DRAFTS),
            ("GET", path),
            ("PUT", path),
            ("DELETE", path),
            ("POST", f"{path}/publish"),
            ("POST", f"{path}/comments"),
            ("DELETE", f"{path}/comments/{said['id']}"),
        ):
            answer = await client.request(method, url, json={})
            assert answer.status_code == status, (method, url)
    for url in ("/v1/feeds", "/v1/feeds/quay", "/v1/feeds/quay/posts"):
        assert SECRET not in (await harness.public.get(url)).text
    assert (await harness.public.get(f"/v1/feeds/quay/posts/{made['id']}")).is_error
    given = {"body": "It rains.", "notes": SECRET}
    await harness.client.put(path, json=given, headers={"if-match": "*"})
    await harness.client.post(f"{path}/publish")
    post = f"/v1/feeds/quay/posts/{made['id']}"
    for url in ("/v1/feeds/quay", "/v1/feeds/quay/posts", post):
        answer = await harness.public.get(url)
        assert SECRET not in answer.text and "It rains." in answer.text, url
    log = json.dumps([repr(one) for one in harness.store.kept["quay"].events])
    assert SECRET not in log


async def test_breaking_posts_need_a_second_editor_if_the_feed_requires_it(
    harness: DeskHarness,
) -> None:
    """The author's own approval does not count."""
    await harness.client.patch("/v1/feeds/quay", json={"breaking_needs_two": True})
    one, two = await person(harness, "publish"), await person(harness, "publish")
    posts = "/v1/feeds/quay/posts"
    direct = await one.post(posts, json={"headline": "H", "breaking": True})
    assert (direct.status_code, direct.json()["type"][-13:]) == (403, "second-person")
    plain = (await one.post(posts, json={"headline": "H"})).json()["post"]
    turned = await one.patch(
        f"{posts}/{plain['id']}", json={"breaking": True}, headers={"if-match": "*"}
    )
    assert turned.status_code == 403
    made = await save(one, breaking=True, state="approved")
    path = f"{DRAFTS}/{made['id']}"
    assert (await one.post(f"{path}/publish")).status_code == 403
    given = {"headline": SECRET, "breaking": True, "state": "scheduled"}
    given["publish_at"] = "2100-01-01T00:00:00Z"
    alone = await one.put(path, json=given, headers={"if-match": "*"})
    assert alone.status_code == 403
    assert (await two.post(f"{path}/publish")).status_code == 201
    made = await save(one, breaking=True, state="submitted")
    path = f"{DRAFTS}/{made['id']}"
    given = {"headline": SECRET, "breaking": True, "state": "approved"}
    put = await two.put(path, json=given, headers={"if-match": "*"})
    assert put.status_code == 200
    assert (await one.post(f"{path}/publish")).status_code == 201
