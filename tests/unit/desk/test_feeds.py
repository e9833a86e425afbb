"""What the desk does with feeds."""

from __future__ import annotations

import json

import pytest

from stoppress.desk.desk import Desk
from stoppress.desk.feeds import read_new_feed
from stoppress.desk.post_ids_and_idempotency_keys import Requester
from stoppress.domain.errors import (
    Conflict,
    IdempotencyKeyReused,
    Invalid,
    NotFound,
    SlugTaken,
    StaleRevision,
)
from stoppress.domain.event import EventType, Subject
from stoppress.domain.store_requests_and_results import Write, Written
from tests.memory_store import MemoryStore

ME = Requester("me")


def js(**value: object) -> bytes:
    """A request body."""
    return json.dumps(value).encode()


@pytest.mark.asyncio
async def test_a_feed_is_made_once() -> None:
    """The slug is taken then, except for the same request under the same key."""
    store = MemoryStore()
    desk = Desk(store)
    asked = Requester("me", "k")
    made = await desk.feeds.make(read_new_feed(js(slug="quay", title="Quay")), asked)
    assert json.loads(made.body)["slug"] == "quay"
    assert (made.post, made.rev, made.cursor.seq) == ("", 1, 0)
    again = await desk.feeds.make(read_new_feed(js(title="Quay", slug="quay")), asked)
    assert (again.cursor, again.repeated) == (made.cursor, True)
    with pytest.raises(IdempotencyKeyReused):
        await desk.feeds.make(read_new_feed(js(slug="quay", title="Other")), asked)
    with pytest.raises(SlugTaken):
        await desk.feeds.make(read_new_feed(js(slug="quay", title="Quay")), ME)


@pytest.mark.asyncio
async def test_a_key_makes_one_feed() -> None:
    """Another slug is another request; what was refused leaves the key free."""
    desk = Desk(MemoryStore())
    await desk.feeds.make(read_new_feed(js(slug="quay", title="Quay")), ME)
    asked = Requester("me", "k")
    with pytest.raises(SlugTaken):
        await desk.feeds.make(read_new_feed(js(slug="quay", title="Quay")), asked)
    made = await desk.feeds.make(read_new_feed(js(slug="pier", title="Pier")), asked)
    with pytest.raises(IdempotencyKeyReused):
        await desk.feeds.make(read_new_feed(js(slug="mole", title="Pier")), asked)
    with pytest.raises(IdempotencyKeyReused):
        await desk.feeds.make(read_new_feed(js(slug="pier", title="Mole")), asked)
    again = await desk.feeds.make(read_new_feed(js(slug="pier", title="Pier")), asked)
    assert (again.cursor, again.repeated) == (made.cursor, True)
    await desk.feeds.make(
        read_new_feed(js(slug="mole", title="Pier")), Requester("you", "k")
    )


@pytest.mark.asyncio
@pytest.mark.parametrize(
    "slug", ["", "Quay", "a--b", "-a", "a_b", "x" * 81, "köy", "a\n"]
)
async def test_a_bad_slug_is_told_the_rule(slug: str) -> None:
    """Field and rule."""
    with pytest.raises(Invalid, match="lower-case letters") as error:
        await Desk(MemoryStore()).feeds.make(
            read_new_feed(js(slug=slug, title="x")), ME
        )
    assert error.value.field == "slug"


@pytest.mark.asyncio
async def test_a_change_of_a_feed_is_an_event() -> None:
    """rev counts; no change is no event; the revision may be asked for."""
    store = MemoryStore()
    desk = Desk(store)
    await desk.feeds.make(read_new_feed(js(slug="quay", title="Quay", summary="s")), ME)
    after = await desk.feeds.edit(
        "quay", b'{"status":"paused","summary":null}', None, ME
    )
    value = json.loads(after.body)
    assert (value["status"], value["rev"]) == ("paused", 2) and "summary" not in value
    assert after.cursor.seq == 1
    (event,) = store.kept["quay"].events
    assert (event.type, event.subject, event.body) == (
        EventType.FEED,
        Subject.feed("quay"),
        after.body,
    )
    same = await desk.feeds.edit("quay", b'{"slug":"quay"}', frozenset({2}), ME)
    assert (same.rev, same.cursor.seq) == (2, 1)
    with pytest.raises(StaleRevision):
        await desk.feeds.edit("quay", b'{"title":"x"}', frozenset({1}), ME)


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("patch", "field"),
    [
        (b'{"slug":"other"}', "slug"),
        (b'{"titel":null}', "titel"),
        (b'{"rev":3}', "rev"),
        (b'{"title":null}', "title"),
        (b'{"status":"over"}', "status"),
        (b'{"image":{"alt":"x"}}', "image.url"),
        (b'{"image":{"al":null}}', "image.al"),
        (b'{"timezone":"Mars"}', "timezone"),
        (b'{"visibility":null,"links":[{"title":"x","url":"x"}]}', "links[0].url"),
    ],
)
async def test_a_wrong_change_is_named(patch: bytes, field: str) -> None:
    """And nothing happens."""
    store = MemoryStore()
    desk = Desk(store)
    await desk.feeds.make(read_new_feed(js(slug="quay", title="Quay")), ME)
    with pytest.raises(Invalid) as error:
        await desk.feeds.edit("quay", patch, None, ME)
    assert error.value.field == field
    assert store.kept["quay"].events == []


@pytest.mark.asyncio
async def test_a_repeated_change_is_the_first_one() -> None:
    """Its cursor, with the feed as it is now."""
    desk = Desk(MemoryStore())
    await desk.feeds.make(read_new_feed(js(slug="quay", title="Quay")), ME)
    asked = Requester("me", "k")
    first = await desk.feeds.edit("quay", js(title="A"), frozenset({1}), asked)
    await desk.feeds.edit("quay", js(title="B"), None, ME)
    again = await desk.feeds.edit("quay", js(title="A"), frozenset({1}), asked)
    assert (again.cursor, again.rev, again.repeated) == (first.cursor, 3, True)
    with pytest.raises(IdempotencyKeyReused):
        await desk.feeds.edit("quay", js(title="C"), None, asked)


@pytest.mark.asyncio
async def test_a_feed_is_deleted_if_it_is_as_expected() -> None:
    """Then it is not there; another one of that name has another epoch."""
    desk = Desk(MemoryStore())
    first = await desk.feeds.make(read_new_feed(js(slug="quay", title="Quay")), ME)
    with pytest.raises(StaleRevision):
        await desk.feeds.drop("quay", frozenset({7}), ME)
    asked = Requester("me", "k")
    await desk.feeds.drop("quay", frozenset({1}), asked)
    await desk.feeds.drop("quay", frozenset({1}), asked)
    with pytest.raises(NotFound):
        await desk.feeds.drop("quay", None, ME)
    again = await desk.feeds.make(read_new_feed(js(slug="quay", title="Quay")), ME)
    assert again.cursor.epoch != first.cursor.epoch


@pytest.mark.asyncio
async def test_a_feed_that_always_changes_is_given_up() -> None:
    """Trying again has an end."""

    class Restless(MemoryStore):
        async def write(self, write: Write) -> Written:
            self._called("write")
            raise StaleRevision(1, 2, b"{}")

    store = Restless()
    desk = Desk(store)
    await desk.feeds.make(read_new_feed(js(slug="quay", title="Quay")), ME)
    with pytest.raises(Conflict, match="too often"):
        await desk.feeds.edit("quay", js(title="x"), None, ME)
    assert 1 < store.calls.count("write") < 20


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("made", "patch", "direction"),
    [
        ({"language": "en"}, {}, "ltr"),
        ({"language": "ar"}, {}, "rtl"),
        ({"language": "he-IL"}, {"title": "Other"}, "rtl"),
        ({}, {"language": "fa"}, "rtl"),
        ({"language": "ar"}, {"language": "tr"}, "ltr"),
        # What an editor chose stays.
        ({"language": "ar", "direction": "ltr"}, {"title": "Other"}, "ltr"),
        ({"language": "ar", "direction": "ltr"}, {"language": "ur"}, "ltr"),
        ({"direction": "auto"}, {"language": "ar"}, "auto"),
        ({"language": "ar"}, {"direction": "ltr"}, "ltr"),
        ({"language": "ar", "direction": "ltr"}, {"direction": None}, "rtl"),
        ({}, {"language": "ar", "direction": "ltr"}, "ltr"),
    ],
)
async def test_a_feed_is_written_in_the_direction_of_its_language(
    made: dict[str, str], patch: dict[str, str | None], direction: str
) -> None:
    """Until an editor chooses another; null brings it back."""
    desk = Desk(MemoryStore())
    given = read_new_feed(js(slug="quay", title="Quay", **made))
    kept = json.loads((await desk.feeds.make(given, ME)).body)
    if patch:
        edited = await desk.feeds.edit("quay", js(**patch), None, ME)
        kept = json.loads(edited.body)
    assert kept["direction"] == direction
