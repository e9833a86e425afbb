"""The draft routes: who sees and does what, and that nothing of it gets out."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
import pytest_asyncio

from stoppress.domain.timestamps import instant
from stoppress.guard.limits import LimitMetrics, Limits
from stoppress.settings import Settings
from tests.tally import Tally
from tests.unit.web.desk_harness import Office, open_office

pytestmark = pytest.mark.asyncio

DRAFTS = "/v1/feeds/quay/drafts"
SECRET = "Harbour master resigns"


@pytest_asyncio.fixture
async def office() -> AsyncIterator[Office]:
    """An office with a feed."""
    async with open_office() as office:
        await office.feed()
        yield office


async def save(client: httpx.AsyncClient, **fields: Any) -> dict[str, Any]:
    """Save a draft; what it is then."""
    answer = await client.post(DRAFTS, json={"headline": SECRET, **fields})
    assert answer.status_code == 201, answer.text
    assert answer.headers["location"].endswith(
        f"/drafts/{answer.json()['draft']['id']}"
    )
    made: dict[str, Any] = answer.json()["draft"]
    return made


async def test_a_feed_has_so_many_drafts() -> None:
    """The refusal says what to do, and is counted; a repeat is none."""
    tally = Tally()
    settings = Settings(feed_drafts=2)
    limits = Limits(settings, LimitMetrics(tally))
    async with open_office(limits=limits, feed_drafts=2) as office:
        await office.feed()
        first = await save(office.client)
        key = {"idempotency-key": "k"}
        for status in (201, 200):
            given = {"headline": "Second"}
            again = await office.client.post(DRAFTS, json=given, headers=key)
            assert again.status_code == status
        refused = await office.client.post(DRAFTS, json={"headline": "Third"})
        assert refused.status_code == 409
        assert "2 drafts, as many as it may have" in refused.json()["detail"]
        assert tally.sum("stoppress_limited") == 1
        await office.client.delete(f"{DRAFTS}/{first['id']}")
        await save(office.client)
    assert Settings(feed_drafts=2, limits="off").max_drafts == 0


async def person(office: Office, scope: str) -> httpx.AsyncClient:
    """A client with a token of its own."""
    return office.reader(authorization=await office.token(scope))


async def test_a_draft_is_saved_read_replaced_and_deleted(office: Office) -> None:
    """With revisions, like a post."""
    made = await save(office.client, notes="call her back", state="draft")
    path = f"{DRAFTS}/{made['id']}"
    assert (made["rev"], made["notes"], made["state"]) == (1, "call her back", "draft")
    assert made["owner"]["program"] is True
    shown = await office.client.get(path)
    assert (shown.json(), shown.headers["etag"]) == (made, '"1"')
    assert shown.headers["cache-control"] == "private, no-store"
    given = {"headline": "Other", "state": "submitted"}
    assert (await office.client.put(path, json=given)).status_code == 428
    put = await office.client.put(path, json=given, headers={"if-match": '"1"'})
    assert put.status_code == 200
    assert put.json()["draft"]["rev"] == 2
    assert "notes" not in put.json()["draft"]
    stale = await office.client.put(path, json=given, headers={"if-match": '"1"'})
    assert stale.status_code == 412
    assert stale.json()["current"] == put.json()["draft"]
    again = await office.client.put(path, json=given, headers={"if-match": '"2"'})
    assert again.json()["draft"]["rev"] == 2
    for _ in range(2):
        assert (await office.client.delete(path)).status_code == 204
    gone = await office.client.get(path)
    assert (gone.status_code, "deleted" in gone.text) == (410, True)
    assert (await office.client.get(f"{DRAFTS}/none")).status_code == 404
    assert (await office.client.get(f"{DRAFTS}/n-n")).status_code == 404


async def test_an_empty_draft_is_kept_and_not_submitted(office: Office) -> None:
    """Who writes may begin with nothing."""
    answer = await office.client.post(DRAFTS, json={})
    assert answer.status_code == 201
    answer = await office.client.post(DRAFTS, json={"state": "submitted"})
    assert answer.status_code == 422
    made = (await office.client.post(DRAFTS, json={})).json()["draft"]
    answer = await office.client.post(f"{DRAFTS}/{made['id']}/publish")
    assert answer.status_code == 422


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"state": "out"}, "state"),
        ({"owner": {"id": "x"}}, "owner"),
        ({"publish_at": "tomorrow"}, "publish_at"),
        ({"state": "scheduled"}, "publish_at"),
        ({"state": "scheduled", "publish_at": "2020-01-01T00:00:00Z"}, "publish_at"),
        ({"publish_at": "2100-01-01T00:00:00Z"}, "publish_at"),
        ({"base": {"id": "../x", "rev": 1}}, "base.id"),
        ({"base": {"id": "x", "rev": 1}, "external_id": "e"}, "external_id"),
        ({"headline": "x" * 301}, "headline"),
        ({"media": [{"type": "image", "url": "javascript:1"}]}, "media[0].url"),
    ],
)
async def test_bad_input_is_told_by_field(
    office: Office, given: dict[str, Any], field: str
) -> None:
    """And nothing is kept."""
    answer = await office.client.post(DRAFTS, json={"headline": "H", **given})
    assert (answer.status_code, answer.json()["field"]) == (422, field)
    assert (await office.client.get(DRAFTS)).json()["drafts"] == []
    assert office.store.scheduled == []


async def test_publishing_answers_as_a_post_does(office: Office) -> None:
    """201, and 200 with the same post and cursor for whoever publishes again."""
    made = await save(office.client, body="She *left*.", notes="secret")
    path = f"{DRAFTS}/{made['id']}/publish"
    stale = await office.client.post(path, headers={"if-match": '"7"'})
    assert stale.status_code == 412
    first = await office.client.post(path, headers={"if-match": '"1"'})
    assert first.status_code == 201
    assert first.json()["post"]["id"] == made["id"]
    assert first.json()["post"]["html"] == "<p>She <em>left</em>.</p>"
    assert first.headers["location"].endswith(f"/posts/{made['id']}")
    again = await office.client.post(path)
    assert (again.status_code, again.json()) == (200, first.json())
    for method in ("GET", "DELETE"):
        gone = await office.client.request(method, f"{DRAFTS}/{made['id']}")
        assert (gone.status_code, gone.json()["post"]) == (410, {"id": made["id"]})
    assert (await office.client.get(DRAFTS)).json()["drafts"] == []
    shown = (await office.public.get("/v1/feeds/quay")).json()
    assert [one["headline"] for one in shown["posts"]] == [SECRET]


async def test_an_idempotency_key_settles_every_write(office: Office) -> None:
    """The same key again changes nothing; another request with it is refused."""
    keyed = {"idempotency-key": "k1"}
    given = {"headline": SECRET}
    first = await office.client.post(DRAFTS, json=given, headers=keyed)
    again = await office.client.post(DRAFTS, json=given, headers=keyed)
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json() == again.json()
    path = f"{DRAFTS}/{first.json()['draft']['id']}"
    other = await office.client.post(DRAFTS, json={}, headers=keyed)
    assert other.status_code == 422
    put = {"if-match": '"1"', "idempotency-key": "k2"}
    for _ in range(2):
        answer = await office.client.put(path, json={"headline": "B"}, headers=put)
        assert (answer.status_code, answer.json()["draft"]["rev"]) == (200, 2)
    for status in (201, 200):
        keyed = {"idempotency-key": "k3"}
        answer = await office.client.post(
            f"{path}/comments", json={"text": "Who says so?"}, headers=keyed
        )
        assert answer.status_code == status
        assert len(answer.json()["draft"]["comments"]) == 1
    for status in (201, 200):
        answer = await office.client.post(
            f"{path}/publish", headers={"idempotency-key": "k4"}
        )
        assert answer.status_code == status
    late = await office.client.put(path, json={"headline": "B"}, headers=put)
    assert late.json()["draft"] == {"id": first.json()["draft"]["id"], "gone": True}


async def test_comments_are_added_and_removed(office: Office) -> None:
    """By their author or an editor; nobody's change of the text is refused for one."""
    writer, other = await person(office, "draft"), await person(office, "publish")
    made = await save(writer)
    path = f"{DRAFTS}/{made['id']}"
    for text in ("Who says so?", "And when?"):
        told = await other.post(f"{path}/comments", json={"text": text})
    first, second = told.json()["draft"]["comments"]
    assert "commented_revs" not in told.json()["draft"]
    refused = await writer.delete(f"{path}/comments/{first['id']}")
    assert (refused.status_code, refused.json()["scope"]) == (403, "publish")
    for _ in range(2):
        keyed = {"idempotency-key": "k"}
        removed = await other.delete(f"{path}/comments/{first['id']}", headers=keyed)
        assert removed.json()["draft"]["comments"] == [second]
    assert (await other.delete(f"{path}/comments/{first['id']}")).status_code == 404
    # It was made on the draft as it was before all that.
    given, before = {"headline": "Better"}, {"if-match": '"1"'}
    answer = await writer.put(path, json=given, headers=before)
    assert (answer.status_code, answer.json()["draft"]["rev"]) == (200, 5)
    assert answer.json()["draft"]["comments"] == [second]
    late = await other.put(path, json=given, headers=before)
    assert late.status_code == 412
    await other.post(f"{path}/comments", json={"text": "Good."})
    sent = await other.post(f"{path}/publish", headers={"if-match": '"5"'})
    assert sent.status_code == 201
    assert "comments" not in sent.json()["post"]


async def test_a_contributor_proposes_and_no_more(office: Office) -> None:
    """Its own drafts, in the states draft and submitted."""
    writer, other = await person(office, "draft"), await person(office, "draft")
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
    told = [
        await writer.get(foreign),
        put,
        await writer.delete(foreign),
        await writer.post(f"{foreign}/comments", json={"text": "x"}),
    ]
    assert {answer.status_code for answer in told} == {404}
    listed = (await writer.get(DRAFTS, params={"owner": theirs["owner"]["id"]})).json()
    assert [one["id"] for one in listed["drafts"]] == [mine["id"]]
    # An editor works in place, and approves: then it is the editor's.
    editor = await person(office, "publish")
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


async def test_a_reader_gets_nothing(office: Office) -> None:
    """No scope, no drafts; and no public answer has a word of one."""
    made = await save(office.client, notes=SECRET, body=SECRET)
    path = f"{DRAFTS}/{made['id']}"
    told = await office.client.post(f"{path}/comments", json={"text": SECRET})
    (said,) = told.json()["draft"]["comments"]
    reader = await person(office, "read")
    for client, status in ((office.public, 401), (reader, 403)):
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
        assert SECRET not in (await office.public.get(url)).text
    assert (await office.public.get(f"/v1/feeds/quay/posts/{made['id']}")).is_error
    given = {"body": "It rains.", "notes": SECRET}
    await office.client.put(path, json=given, headers={"if-match": "*"})
    await office.client.post(f"{path}/publish")
    post = f"/v1/feeds/quay/posts/{made['id']}"
    for url in ("/v1/feeds/quay", "/v1/feeds/quay/posts", post):
        answer = await office.public.get(url)
        assert SECRET not in answer.text and "It rains." in answer.text, url
    log = json.dumps([repr(one) for one in office.store.kept["quay"].events])
    assert SECRET not in log


async def test_the_list_is_filtered_and_paged(office: Office) -> None:
    """By state, owner and text, newest change first."""
    writer = await person(office, "draft")
    made = [await save(office.client, headline=f"H{n}", tags=["Sea"]) for n in range(5)]
    theirs = await save(writer, state="submitted", notes="ÄRGER")
    first = (await office.client.get(DRAFTS, params={"limit": 4})).json()
    assert [one["id"] for one in first["drafts"]][0] == theirs["id"]
    rest = (await office.client.get(first["next"])).json()
    assert rest["next"] is None
    assert len(first["drafts"]) + len(rest["drafts"]) == 6

    async def ids(**query: Any) -> list[str]:
        answer = await office.client.get(DRAFTS, params=query)
        assert answer.status_code == 200, answer.text
        return [one["id"] for one in answer.json()["drafts"]]

    assert await ids(state="submitted") == [theirs["id"]]
    assert len(await ids(state="submitted,draft")) == 6
    assert await ids(text="ärger") == [theirs["id"]]
    assert len(await ids(text="sea")) == 5
    assert await ids(text="h3") == [made[3]["id"]]
    assert len(await ids(owner="me")) == 5
    assert await ids(owner=theirs["owner"]["id"]) == [theirs["id"]]
    for bad in ({"state": "out"}, {"text": "x" * 201}, {"before": "!"}):
        assert (await office.client.get(DRAFTS, params=bad)).status_code == 422
    cursor = first["cursor"]
    assert cursor == str(office.store.kept["quay/desk"].cursor)


async def test_a_change_to_a_post(office: Office) -> None:
    """A draft with a base updates it, unless it has changed meanwhile."""
    post = (await office.post(external_id="e", tags=["a"])).json()["post"]
    base = {"id": post["id"], "rev": 1}
    made = await save(
        office.client, headline="Water falls", base=base, correction={"note": "Fell."}
    )
    path = f"{DRAFTS}/{made['id']}/publish"
    await office.client.patch(
        f"/v1/feeds/quay/posts/{post['id']}",
        json={"headline": "Water stands"},
        headers={"if-match": '"1"'},
    )
    stale = await office.client.post(path)
    assert stale.status_code == 412
    assert stale.json()["current"]["headline"] == "Water stands"
    given = {"headline": "Water falls", "base": {"id": post["id"], "rev": 2}}
    await office.client.put(
        f"{DRAFTS}/{made['id']}", json=given, headers={"if-match": "*"}
    )
    done = await office.client.post(path)
    assert done.status_code == 200
    after = done.json()["post"]
    assert (after["id"], after["rev"]) == (post["id"], 3)
    assert after["external_id"] == "e"
    assert after["published_at"] == post["published_at"]
    again = await office.client.post(path)
    assert again.json() == done.json()
    revisions = await office.client.get(f"/v1/feeds/quay/posts/{post['id']}/revisions")
    assert len(revisions.json()["revisions"]) == 2


async def test_a_change_to_a_withdrawn_post(office: Office) -> None:
    """It is told, and the draft stays."""
    post = (await office.post()).json()["post"]
    made = await save(office.client, base={"id": post["id"], "rev": 1})
    await office.client.delete(f"/v1/feeds/quay/posts/{post['id']}")
    answer = await office.client.post(f"{DRAFTS}/{made['id']}/publish")
    assert answer.status_code == 410
    assert (await office.client.get(f"{DRAFTS}/{made['id']}")).status_code == 200


async def test_an_external_id_that_is_taken(office: Office) -> None:
    """Told when it is published, and the draft stays."""
    await office.post(external_id="e")
    made = await save(office.client, external_id="e")
    answer = await office.client.post(f"{DRAFTS}/{made['id']}/publish")
    assert answer.status_code == 409
    assert (await office.client.get(f"{DRAFTS}/{made['id']}")).status_code == 200


async def test_scheduling_writes_the_index(office: Office) -> None:
    """By the store's clock, not the process's."""
    office.store.clock = lambda: 2_000_000_000_000
    given = {"headline": "H", "state": "scheduled"}
    early = {**given, "publish_at": instant(1_999_999_999_000)}
    assert (await office.client.post(DRAFTS, json=early)).status_code == 422
    made = await save(
        office.client, state="scheduled", publish_at=instant(2_000_000_060_000)
    )
    assert office.store.scheduled == [("quay", made["id"], 2_000_000_060_000)]
    assert made["approved_by"]["id"] == made["owner"]["id"]


async def test_what_is_breaking_needs_two_where_the_feed_says_so(
    office: Office,
) -> None:
    """Who wrote it is not the only one who wants it out."""
    await office.client.patch("/v1/feeds/quay", json={"breaking_needs_two": True})
    one, two = await person(office, "publish"), await person(office, "publish")
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


async def test_a_feed_that_is_deleted_takes_its_drafts_along(office: Office) -> None:
    """The next one of that slug begins with none."""
    await save(office.client)
    await office.client.delete("/v1/feeds/quay")
    assert (await office.client.get(DRAFTS)).status_code == 404
    await office.feed()
    assert (await office.client.get(DRAFTS)).json()["drafts"] == []


async def test_without_the_store(office: Office) -> None:
    """503, as for posts."""
    office.store.away = True
    assert (await office.client.post(DRAFTS, json={})).status_code == 503
