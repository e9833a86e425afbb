"""The archive takes whole feeds and posts as they were elsewhere."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from stoppress.desk.desk import Desk
from stoppress.desk.post_ids_and_idempotency_keys import Requester
from stoppress.domain.errors import (
    Conflict,
    ExternalIdTaken,
    Gone,
    Invalid,
    NotFound,
    Unavailable,
)
from tests.memory_store import MemoryStore
from tests.unit.desk.test_posts import Clock
from tests.unit.desk.test_takedown import Erasing

pytestmark = pytest.mark.asyncio

ME = Requester("token-1")
ID, OTHER = "01m834jc0r2ec4", "01m834jc0r2ec5"
THEN, LATER = "2020-02-03T04:05:06.700Z", "2020-02-03T05:00:00.000Z"


def js(value: object) -> bytes:
    """As JSON."""
    return msgspec.json.encode(value)


def feed(**more: object) -> bytes:
    """A feed, as the API shows it."""
    shown: dict[str, Any] = {
        "slug": "quay",
        "url": "https://elsewhere.example/live/quay",
        "title": "The quay",
        "standfirst": "",
        "summary": None,
        "status": "closed",
        "language": "en",
        "direction": "ltr",
        "timezone": "UTC",
        "visibility": "public",
        "coverage_start": None,
        "coverage_end": None,
        "links": [],
        "share": [],
        "image": None,
        "show_readers": False,
        "rev": 7,
        "created_at": THEN,
        "updated_at": LATER,
        "closed_at": LATER,
    }
    return js(shown | more)


def post(**more: object) -> bytes:
    """A post, as the API shows it."""
    shown: dict[str, Any] = {
        "id": ID,
        "url": "https://elsewhere.example/live/quay/1",
        "external_id": "cms-1",
        "headline": "Water rises",
        "body": "It **rises**.",
        "html": "<script>alert(1)</script>",
        "language": None,
        "direction": None,
        "key": False,
        "breaking": False,
        "pinned": False,
        "tags": ["water"],
        "location": "Pier 3",
        "authors": [],
        "source": None,
        "media": [],
        "published_at": THEN,
        "updated_at": LATER,
        "correction": {"note": "It was the lake.", "at": LATER},
        "rev": 3,
    }
    return js(shown | more)


async def archive() -> tuple[Desk, MemoryStore]:
    """An archive that holds the feed."""
    store = MemoryStore()
    made = Desk(store)
    await made.imports.put_feed("quay", feed(), ME)
    return made, store


async def test_keeps_what_another_server_made() -> None:
    """Times and revisions are the copy's; the HTML is made here."""
    desk, store = await archive()
    kept = msgspec.json.decode((await store.feed("quay")).body)
    assert (kept["rev"], kept["created_at"], kept["updated_at"]) == (7, THEN, LATER)
    assert kept["closed_at"] == LATER
    made = await desk.imports.put_post("quay", ID, post(), ME)
    assert made.created and made.cursor.seq == 1
    kept = msgspec.json.decode(await store.post("quay", ID))
    assert kept["html"] == "<p>It <strong>rises</strong>.</p>"
    assert kept["location"] == "Pier 3"
    assert kept["correction"] == {"note": "It was the lake.", "at": LATER}
    assert (kept["rev"], kept["updated_at"]) == (3, LATER)


async def test_a_copy_put_again_changes_nothing() -> None:
    """Neither does one of an older revision."""
    desk, store = await archive()
    await desk.imports.put_post("quay", ID, post(), ME)
    head = (await store.feed("quay")).cursor
    for again in (post(), post(rev=2, body="It rose.")):
        made = await desk.imports.put_post("quay", ID, again, ME)
        assert made.repeated and made.rev == 3
    for copy in (feed(), feed(rev=6, title="Quay")):
        assert (await desk.imports.put_feed("quay", copy, ME)).rev == 7
    assert (await store.feed("quay")).cursor == head


async def test_a_higher_revision_is_an_update() -> None:
    """Of a post and of a feed."""
    desk, store = await archive()
    await desk.imports.put_post("quay", ID, post(), ME)
    made = await desk.imports.put_post("quay", ID, post(rev=9, headline="It falls"), ME)
    assert (made.rev, made.created) == (9, False)
    await desk.imports.put_feed("quay", feed(rev=8, title="Quay"), ME)
    kinds = [event.type.name for event in store.kept["quay"].events]
    assert kinds == ["post.published", "post.updated", "feed.updated"]


async def test_another_history_is_no_guess() -> None:
    """The same revision with other contents, another feed, another external id."""
    desk, _ = await archive()
    await desk.imports.put_post("quay", ID, post(), ME)
    for copy in (post(headline="It falls"), post(rev=9, external_id="cms-2")):
        with pytest.raises(Conflict, match="changed on both servers"):
            await desk.imports.put_post("quay", ID, copy, ME)
    with pytest.raises(Conflict, match="changed on both servers"):
        await desk.imports.put_feed("quay", feed(title="Quay"), ME)
    with pytest.raises(Conflict, match="another feed has the slug"):
        await desk.imports.put_feed("quay", feed(created_at=LATER), ME)
    with pytest.raises(ExternalIdTaken):
        await desk.imports.put_post("quay", OTHER, post(id=OTHER), ME)


async def test_the_pin_moves_to_the_copy() -> None:
    """One pinned post a feed, in one step."""
    desk, store = await archive()
    await desk.imports.put_post("quay", ID, post(pinned=True), ME)
    second = post(id=OTHER, external_id=None, pinned=True)
    await desk.imports.put_post("quay", OTHER, second, ME)
    assert (await store.feed("quay")).pinned == OTHER
    assert "pinned" not in msgspec.json.decode(await store.post("quay", ID))


async def test_a_withdrawal_is_final() -> None:
    """Known here or not, at whichever revision; and its external id stays taken."""
    desk, store = await archive()
    left = js({"id": OTHER, "rev": 2, "external_id": "cms-9"})
    assert await desk.imports.put_withdrawn("quay", OTHER, left, ME) is not None
    assert await desk.imports.put_withdrawn("quay", OTHER, left, ME) is None
    with pytest.raises(Gone):
        await desk.imports.put_post("quay", OTHER, post(id=OTHER, rev=5), ME)
    with pytest.raises(ExternalIdTaken):
        await desk.imports.put_post("quay", ID, post(external_id="cms-9"), ME)
    await desk.imports.put_post("quay", ID, post(), ME)
    await desk.imports.put_withdrawn("quay", ID, js({"id": ID, "rev": 1}), ME)
    with pytest.raises(Gone):
        await store.post("quay", ID)


async def test_a_takedown_is_imported_as_one() -> None:
    """What is here of the post is erased; one that was never here is recorded."""
    store, eraser = MemoryStore(), Erasing()
    desk = Desk(store, Clock(), eraser=eraser)
    await desk.imports.put_feed("quay", feed(), ME)
    gone = {"id": OTHER, "rev": 2, "taken_down": True}
    assert await desk.imports.put_withdrawn("quay", OTHER, js(gone), ME) is not None
    assert eraser.asked == [("quay", OTHER, None)]
    eraser.asked.clear()
    await desk.imports.put_post("quay", ID, post(body="Libel"), ME)
    copy = js(gone | {"id": ID})
    assert await desk.imports.put_withdrawn("quay", ID, copy, ME) is not None
    with pytest.raises(Gone):
        await store.post("quay", ID)
    texts, erased, again = eraser.asked
    assert erased == ("quay", ID, None)
    assert isinstance(texts, list) and "Libel" in texts and again == texts
    with pytest.raises(NotFound):
        await desk.imports.put_withdrawn("nowhere", ID, copy, ME)
    unable, _ = await archive()
    with pytest.raises(Unavailable):
        await unable.imports.put_withdrawn("quay", ID, copy, ME)


async def test_a_key_settles_a_copy() -> None:
    """The repeat is answered as the first time; the key is for that copy alone."""
    desk, store = await archive()
    asked = Requester("token-1", "k")
    first = await desk.imports.put_post("quay", ID, post(), asked)
    again = await desk.imports.put_post("quay", ID, post(), asked)
    assert again == first._replace(repeated=True, created=False)
    assert len(store.kept["quay"].events) == 1


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"id": OTHER}, "id"),
        ({"rev": 0}, "rev"),
        ({"rev": 1 << 60}, "rev"),
        ({"headline": "x" * 301}, "headline"),
        ({"updated_at": "yesterday"}, "updated_at"),
        ({"correction": {"note": "x", "at": "now"}}, "correction.at"),
        ({"published_at": "2020-02-03"}, "published_at"),
        ({"lead": "x"}, "lead"),
        ({"media": [{"type": "image"}]}, "media[0].url"),
        ({"media": [{"type": "link", "url": "https://a@b.example"}]}, "media[0].url"),
        ({"authors": [{"name": "Ada", "url": "https://a\\b"}]}, "authors[0].url"),
    ],
)
async def test_a_copy_passes_the_checks_of_a_draft(
    wrong: dict[str, object], field: str
) -> None:
    """And those of what a server makes."""
    desk, store = await archive()
    with pytest.raises(Invalid) as refused:
        await desk.imports.put_post("quay", ID, post(**wrong), ME)
    assert refused.value.field == field
    assert store.kept["quay"].events == []


async def test_refuses_what_stands_elsewhere() -> None:
    """A slug beside the address, a closing without its time, an id that no server
    made, a feed not there."""
    desk, _ = await archive()
    with pytest.raises(Invalid, match="slug"):
        await desk.imports.put_feed("pier", feed(), ME)
    with pytest.raises(Invalid, match="a closed feed needs it"):
        await desk.imports.put_feed("quay", feed(closed_at=None), ME)
    with pytest.raises(Invalid, match="an id has 14 characters"):
        await desk.imports.put_post("quay", "abc", post(id="abc"), ME)
    with pytest.raises(NotFound):
        await desk.imports.put_post("pier", ID, post(), ME)
