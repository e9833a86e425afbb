"""Uploads are noted once under their key; a picture in use is found."""

from __future__ import annotations

from typing import Any

import pytest

from stoppress.desk.templates_and_post_notes import DeskTextChange
from stoppress.domain.errors import Damaged, IdempotencyKeyReused, NotFound
from stoppress.domain.picture_address import FeedPicture
from stoppress.domain.store_requests_and_results import Idempotency
from stoppress.log import pool
from stoppress.log.audit_log import RedisAudit
from stoppress.log.pool import Pool
from stoppress.log.redis_commands_scripts_and_durability import Command, RedisCommands
from stoppress.log.redis_keys import TEMPLATES, feed_keys
from stoppress.log.store import RedisStore
from stoppress.log.upload_records_and_used_pictures import UploadRecords
from tests.contract.store.news import (
    AT,
    FEED,
    made,
    published,
    updated,
    withdrawn,
    write,
)

pytestmark = pytest.mark.asyncio
KEY = Idempotency("me", "k", "f1")
IDS = [f"a{number:016}" for number in range(5)]
NAME = f"{IDS[0]}-900x600.jpg"


def records_of(link: Pool) -> UploadRecords:
    """The records in one store."""
    return UploadRecords(link, RedisAudit(link, 0), 60)


async def test_an_upload_is_recorded_once(store: RedisStore, link: Pool) -> None:
    """The first one counts; another file under that key is refused."""
    records = records_of(link)
    with pytest.raises(NotFound):
        await records.uploaded("x", KEY)
    with pytest.raises(NotFound):
        await records.note_upload("x", NAME, None)
    await made(store)
    assert await records.uploaded("x", KEY) is None
    assert await records.note_upload("x", NAME, KEY) == NAME
    assert await records.uploaded("x", KEY) == NAME
    other = NAME.replace("900", "800")
    assert await records.note_upload("x", other, KEY) == NAME
    with pytest.raises(IdempotencyKeyReused):
        await records.uploaded("x", KEY._replace(fingerprint="f2"))
    assert await records.note_upload("x", other, None) == other
    page = await store.audit.page("x", "", 10)
    assert [entry.what for _, entry in page.entries][:2] == ["picture.uploaded"] * 2
    assert page.entries[0][1].subject == IDS[0]


async def test_a_used_picture_is_found(store: RedisStore, link: Pool) -> None:
    """In a post, an earlier state or a withdrawn post; not in the post being erased."""

    def naming(number: int) -> str:
        return f"![x](/media/x/{IDS[number]}-900x600.jpg)"

    records = records_of(link)
    await made(store)
    await store.write(write(published("p", naming(0))))
    await store.write(write(updated("p", 1, naming(1))))
    await store.write(write(published("q", naming(2))))
    await store.write(write(withdrawn("q", 1)))
    await store.write(write(published("r", naming(3))))
    assert await records.used_pictures("x", IDS) == set(IDS[:4])
    assert await records.used_pictures("x", IDS, "p") == set(IDS[2:4])
    assert await records.used_pictures("x", IDS, "q") == {IDS[0], IDS[1], IDS[3]}
    assert await records.used_pictures("x", IDS[:1], "") == {IDS[0]}
    assert await records.used_pictures("y", IDS) == set()
    assert await records.used_elsewhere({FeedPicture("x", one) for one in IDS}) == set()


def address(number: int, feed: str = "x") -> str:
    """The address of a picture."""
    return f"/media/{feed}/{IDS[number]}-900x600.jpg"


async def used_by_others(store: RedisStore, records: UploadRecords) -> set[FeedPicture]:
    """Feeds whose pictures are used by all but their own posts; returns these."""
    image = b'{"slug":"x","title":"X","rev":1,"image":{"url":"%b"}}'
    await store.make_feed("x", image % address(0).encode(), AT, None)
    await store.make_feed("y", FEED, AT, None)
    # A post with the id of the one being erased, its earlier state, and a draft.
    await store.write(write(published("p", address(1)), feed="y"))
    await store.write(write(updated("p", 1, address(2)), feed="y"))
    await store.open_desk_log("y")
    await store.write(write(published("d", address(3)), feed="y/desk"))
    template = address(4).encode()
    await store.change_desk_text(DeskTextChange("", "t", template, 9, "t.made", "t"))
    await store.write(write(published("q", address(1, "y")), feed="y"))
    return {FeedPicture("x", one) for one in IDS}


async def test_a_picture_used_elsewhere_is_found(store: RedisStore, link: Pool) -> None:
    """By a feed's image, posts and drafts of other feeds, a template, a setting."""
    own = f"{IDS[0]}-900x600.jpg"
    records = UploadRecords(link, RedisAudit(link, 0), 60, ["", f"/media/y/{own}"])
    wanted = await used_by_others(store, records)
    every = wanted | {FeedPicture("y", one) for one in IDS}
    assert await records.used_elsewhere(every) == wanted | {FeedPicture("y", IDS[0])}
    assert await records.used_elsewhere(wanted) == wanted
    assert await records.used_pictures("x", IDS) == set()


async def test_what_can_t_be_read_is_no_unused_picture(
    store: RedisStore, link: Pool
) -> None:
    """A damaged feed is named, and damaged templates."""
    records = records_of(link)
    wanted = {FeedPicture("x", IDS[0])}
    await made(store)
    async with link.borrow() as redis:
        await redis.one("SET", feed_keys("x").revisions, "damaged")
    with pytest.raises(Damaged, match="'x'"):
        await records.used_pictures("x", IDS)
    with pytest.raises(Damaged, match="'x'"):
        await records.used_elsewhere(wanted)
    async with link.borrow() as redis:
        await redis.one("SET", TEMPLATES, "damaged")
    with pytest.raises(Damaged, match="templates"):
        await records.used_elsewhere(wanted)


async def test_a_search_begins_again_on_another_server(
    store: RedisStore, link: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its place in a hash means something else there."""
    places: list[object] = []

    class Moving(RedisCommands):
        async def all(self, *commands: Command) -> list[Any]:
            info, *others = await super().all(*commands)
            places.append(commands[1][2])
            if len(places) == 2:
                info = info.replace(b"run_id:", b"run_id:other")
            return [info, *others]

    await made(store)
    posts = [published(f"p{number}", address(number % 4)) for number in range(2000)]
    for start in range(0, len(posts), 100):
        await store.write(write(*posts[start : start + 100]))
    records = records_of(link)
    monkeypatch.setattr(pool, "RedisCommands", Moving)
    found = [
        field
        async for piece in records._pieces("x", feed_keys("x").posts)
        for field, _ in piece
    ]
    assert {f"p{number}".encode() for number in range(2000)} <= set(found)
    assert places[0] == places[2] == b"0" != places[1]


async def test_one_process_removes_unused_pictures(
    store: RedisStore, link: Pool
) -> None:
    """Until its lease ends."""
    records = records_of(link)
    assert await records.claim_removal(60)
    assert not await records.claim_removal(60)
