"""The draft routes: who sees and does what, and that nothing of it gets out."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from stoppress.domain.timestamps import instant
from stoppress.guard.limits import LimitMetrics, Limits
from stoppress.settings import Settings
from tests.tally import Tally
from tests.unit.web.api.drafts_harness import DRAFTS, SECRET, person, save
from tests.unit.web.desk_harness import DeskHarness, open_harness

pytestmark = pytest.mark.asyncio


@pytest_asyncio.fixture
async def harness() -> AsyncIterator[DeskHarness]:
    """A desk with a feed."""
    async with open_harness() as harness:
        await harness.feed()
        yield harness


async def test_drafts_per_feed_are_limited() -> None:
    """The refusal says what to do, and is counted; a repeated request is accepted."""
    tally = Tally()
    settings = Settings(feed_drafts=2)
    limits = Limits(settings, LimitMetrics(tally))
    async with open_harness(limits=limits, feed_drafts=2) as harness:
        await harness.feed()
        first = await save(harness.client)
        key = {"idempotency-key": "k"}
        for status in (201, 200):
            given = {"headline": "Second"}
            again = await harness.client.post(DRAFTS, json=given, headers=key)
            assert again.status_code == status
        refused = await harness.client.post(DRAFTS, json={"headline": "Third"})
        assert refused.status_code == 409
        assert "2 drafts, as many as it may have" in refused.json()["detail"]
        assert tally.sum("stoppress_limited") == 1
        await harness.client.delete(f"{DRAFTS}/{first['id']}")
        await save(harness.client)
    assert Settings(feed_drafts=2, limits="off").max_drafts == 0


async def test_a_draft_is_saved_read_replaced_and_deleted(harness: DeskHarness) -> None:
    """With revisions, like a post."""
    made = await save(harness.client, notes="call her back", state="draft")
    path = f"{DRAFTS}/{made['id']}"
    assert (made["rev"], made["notes"], made["state"]) == (1, "call her back", "draft")
    assert made["owner"]["program"] is True
    shown = await harness.client.get(path)
    assert (shown.json(), shown.headers["etag"]) == (made, '"1"')
    assert shown.headers["cache-control"] == "private, no-store"
    given = {"headline": "Other", "state": "submitted"}
    assert (await harness.client.put(path, json=given)).status_code == 428
    put = await harness.client.put(path, json=given, headers={"if-match": '"1"'})
    assert put.status_code == 200
    assert put.json()["draft"]["rev"] == 2
    assert "notes" not in put.json()["draft"]
    stale = await harness.client.put(path, json=given, headers={"if-match": '"1"'})
    assert stale.status_code == 412
    assert stale.json()["current"] == put.json()["draft"]
    again = await harness.client.put(path, json=given, headers={"if-match": '"2"'})
    assert again.json()["draft"]["rev"] == 2
    for _ in range(2):
        assert (await harness.client.delete(path)).status_code == 204
    gone = await harness.client.get(path)
    assert (gone.status_code, "deleted" in gone.text) == (410, True)
    assert (await harness.client.get(f"{DRAFTS}/none")).status_code == 404
    assert (await harness.client.get(f"{DRAFTS}/n-n")).status_code == 404


async def test_an_empty_draft_is_saved_but_not_submitted_or_published(
    harness: DeskHarness,
) -> None:
    """A new draft may be empty; submitting or publishing it is refused."""
    answer = await harness.client.post(DRAFTS, json={})
    assert answer.status_code == 201
    answer = await harness.client.post(DRAFTS, json={"state": "submitted"})
    assert answer.status_code == 422
    made = (await harness.client.post(DRAFTS, json={})).json()["draft"]
    answer = await harness.client.post(f"{DRAFTS}/{made['id']}/publish")
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
async def test_an_invalid_draft_is_refused_by_field(
    harness: DeskHarness, given: dict[str, Any], field: str
) -> None:
    """Nothing is stored."""
    answer = await harness.client.post(DRAFTS, json={"headline": "H", **given})
    assert (answer.status_code, answer.json()["field"]) == (422, field)
    assert (await harness.client.get(DRAFTS)).json()["drafts"] == []
    assert harness.store.scheduled == []


async def test_publishing_a_draft_answers_like_publishing_a_post(
    harness: DeskHarness,
) -> None:
    """201; a repeat gets 200 with the same post and cursor."""
    made = await save(harness.client, body="She *left*.", notes="secret")
    path = f"{DRAFTS}/{made['id']}/publish"
    stale = await harness.client.post(path, headers={"if-match": '"7"'})
    assert stale.status_code == 412
    first = await harness.client.post(path, headers={"if-match": '"1"'})
    assert first.status_code == 201
    assert first.json()["post"]["id"] == made["id"]
    assert first.json()["post"]["html"] == "<p>She <em>left</em>.</p>"
    assert first.headers["location"].endswith(f"/posts/{made['id']}")
    again = await harness.client.post(path)
    assert (again.status_code, again.json()) == (200, first.json())
    for method in ("GET", "DELETE"):
        gone = await harness.client.request(method, f"{DRAFTS}/{made['id']}")
        assert (gone.status_code, gone.json()["post"]) == (410, {"id": made["id"]})
    assert (await harness.client.get(DRAFTS)).json()["drafts"] == []
    shown = (await harness.public.get("/v1/feeds/quay")).json()
    assert [one["headline"] for one in shown["posts"]] == [SECRET]


async def test_an_idempotency_key_settles_every_write(harness: DeskHarness) -> None:
    """The same key again changes nothing; another request with it is refused."""
    keyed = {"idempotency-key": "k1"}
    given = {"headline": SECRET}
    first = await harness.client.post(DRAFTS, json=given, headers=keyed)
    again = await harness.client.post(DRAFTS, json=given, headers=keyed)
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json() == again.json()
    path = f"{DRAFTS}/{first.json()['draft']['id']}"
    other = await harness.client.post(DRAFTS, json={}, headers=keyed)
    assert other.status_code == 422
    put = {"if-match": '"1"', "idempotency-key": "k2"}
    for _ in range(2):
        answer = await harness.client.put(path, json={"headline": "B"}, headers=put)
        assert (answer.status_code, answer.json()["draft"]["rev"]) == (200, 2)
    for status in (201, 200):
        keyed = {"idempotency-key": "k3"}
        answer = await harness.client.post(
            f"{path}/comments", json={"text": "Who says so?"}, headers=keyed
        )
        assert answer.status_code == status
        assert len(answer.json()["draft"]["comments"]) == 1
    for status in (201, 200):
        answer = await harness.client.post(
            f"{path}/publish", headers={"idempotency-key": "k4"}
        )
        assert answer.status_code == status
    late = await harness.client.put(path, json={"headline": "B"}, headers=put)
    assert late.json()["draft"] == {"id": first.json()["draft"]["id"], "gone": True}


async def test_comments_are_added_and_removed(harness: DeskHarness) -> None:
    """The author or an editor removes a comment; a comment never fails an edit."""
    writer, other = await person(harness, "draft"), await person(harness, "publish")
    made = await save(writer)
    path = f"{DRAFTS}/{made['id']}"
    for text in ("Who says so?", "And when?"):
        reported = await other.post(f"{path}/comments", json={"text": text})
    first, second = reported.json()["draft"]["comments"]
    assert "commented_revs" not in reported.json()["draft"]
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


async def test_the_list_is_filtered_and_paged(harness: DeskHarness) -> None:
    """By state, owner and text, newest change first."""
    writer = await person(harness, "draft")
    made = [
        await save(harness.client, headline=f"H{n}", tags=["Sea"]) for n in range(5)
    ]
    theirs = await save(writer, state="submitted", notes="ÄRGER")
    first = (await harness.client.get(DRAFTS, params={"limit": 4})).json()
    assert [one["id"] for one in first["drafts"]][0] == theirs["id"]
    rest = (await harness.client.get(first["next"])).json()
    assert rest["next"] is None
    assert len(first["drafts"]) + len(rest["drafts"]) == 6

    async def ids(**query: Any) -> list[str]:
        answer = await harness.client.get(DRAFTS, params=query)
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
        assert (await harness.client.get(DRAFTS, params=bad)).status_code == 422
    cursor = first["cursor"]
    assert cursor == str(harness.store.kept["quay/desk"].cursor)


async def test_a_draft_with_a_base_edits_its_post(harness: DeskHarness) -> None:
    """It updates the post, unless the post has changed meanwhile."""
    post = (await harness.post(external_id="e", tags=["a"])).json()["post"]
    base = {"id": post["id"], "rev": 1}
    made = await save(
        harness.client, headline="Water falls", base=base, correction={"note": "Fell."}
    )
    path = f"{DRAFTS}/{made['id']}/publish"
    await harness.client.patch(
        f"/v1/feeds/quay/posts/{post['id']}",
        json={"headline": "Water stands"},
        headers={"if-match": '"1"'},
    )
    stale = await harness.client.post(path)
    assert stale.status_code == 412
    assert stale.json()["current"]["headline"] == "Water stands"
    given = {"headline": "Water falls", "base": {"id": post["id"], "rev": 2}}
    await harness.client.put(
        f"{DRAFTS}/{made['id']}", json=given, headers={"if-match": "*"}
    )
    done = await harness.client.post(path)
    assert done.status_code == 200
    after = done.json()["post"]
    assert (after["id"], after["rev"]) == (post["id"], 3)
    assert after["external_id"] == "e"
    assert after["published_at"] == post["published_at"]
    again = await harness.client.post(path)
    assert again.json() == done.json()
    revisions = await harness.client.get(f"/v1/feeds/quay/posts/{post['id']}/revisions")
    assert len(revisions.json()["revisions"]) == 2


async def test_a_change_to_a_withdrawn_post_is_refused(harness: DeskHarness) -> None:
    """The error says so, and the draft stays."""
    post = (await harness.post()).json()["post"]
    made = await save(harness.client, base={"id": post["id"], "rev": 1})
    await harness.client.delete(f"/v1/feeds/quay/posts/{post['id']}")
    answer = await harness.client.post(f"{DRAFTS}/{made['id']}/publish")
    assert answer.status_code == 410
    assert (await harness.client.get(f"{DRAFTS}/{made['id']}")).status_code == 200


async def test_a_change_to_a_post_taken_down_is_not_saved(
    harness: DeskHarness,
) -> None:
    """Nor commented, if a draft is left; it can be deleted, or made a new post."""
    post = (await harness.post()).json()["post"]
    given = {"headline": "H", "base": {"id": post["id"], "rev": 1}}
    made, other = [await save(harness.client, **given) for _ in range(2)]
    await harness.client.delete(f"/v1/feeds/quay/posts/{post['id']}")
    withdrawn = await save(harness.client, **given)
    harness.store.kept["quay"].taken_down.add(post["id"])
    path, seen = f"{DRAFTS}/{made['id']}", {"if-match": "*"}
    changed = given | {"headline": "I"}
    for answer in (
        await harness.client.post(DRAFTS, json=given),
        await harness.client.put(path, json=changed, headers=seen),
        await harness.client.post(f"{path}/comments", json={"text": "?"}),
    ):
        assert answer.status_code == 410
        assert answer.json()["type"] == "urn:stop-press:problem:taken-down"
        assert post["id"] in answer.json()["detail"]
    free = await harness.client.put(path, json={"headline": "H"}, headers=seen)
    assert (free.status_code, "base" in free.json()["draft"]) == (200, False)
    for left in (other, withdrawn):
        gone = await harness.client.delete(f"{DRAFTS}/{left['id']}")
        assert gone.status_code == 204


async def test_a_draft_with_a_taken_external_id_is_refused(
    harness: DeskHarness,
) -> None:
    """The conflict is reported on publishing, and the draft stays."""
    await harness.post(external_id="e")
    made = await save(harness.client, external_id="e")
    answer = await harness.client.post(f"{DRAFTS}/{made['id']}/publish")
    assert answer.status_code == 409
    assert (await harness.client.get(f"{DRAFTS}/{made['id']}")).status_code == 200


async def test_scheduling_writes_the_schedule_index(harness: DeskHarness) -> None:
    """The due time follows the store's clock, not the process's."""
    harness.store.clock = lambda: 2_000_000_000_000
    given = {"headline": "H", "state": "scheduled"}
    early = {**given, "publish_at": instant(1_999_999_999_000)}
    assert (await harness.client.post(DRAFTS, json=early)).status_code == 422
    made = await save(
        harness.client, state="scheduled", publish_at=instant(2_000_000_060_000)
    )
    assert harness.store.scheduled == [("quay", made["id"], 2_000_000_060_000)]
    assert made["approved_by"]["id"] == made["owner"]["id"]


async def test_deleting_a_feed_deletes_its_drafts(harness: DeskHarness) -> None:
    """The next feed of that slug begins without drafts."""
    await save(harness.client)
    await harness.client.delete("/v1/feeds/quay")
    assert (await harness.client.get(DRAFTS)).status_code == 404
    await harness.feed()
    assert (await harness.client.get(DRAFTS)).json()["drafts"] == []


async def test_drafts_answer_503_without_the_store(harness: DeskHarness) -> None:
    """As for posts."""
    harness.store.away = True
    assert (await harness.client.post(DRAFTS, json={})).status_code == 503
