"""A scheduled draft goes out once, also if the schedule has lost its entry."""

from __future__ import annotations

import pytest

from stoppress.desk.restore_lost_schedule_entries import PAGE_DRAFTS, ScheduleRestore
from stoppress.domain.errors import Unavailable
from tests.unit.desk.test_publish_due_drafts import ScheduleHarness

pytestmark = pytest.mark.asyncio


async def test_a_lost_entry_is_restored() -> None:
    """On every page of a feed's drafts; what is no longer scheduled stays away."""
    room = await ScheduleHarness().open()
    first = await room.save(5)
    stopped = await room.save(5)
    await room.save(5, stopped, state="approved", publish_at=None)
    for _ in range(PAGE_DRAFTS):
        await room.save(1, state="draft", publish_at=None)
    last = await room.save(600)
    room.store.scheduled.clear()
    room.now += 6_000
    await room.schedule.publish_due()
    assert room.published() == []
    for _ in range(2):
        await ScheduleRestore(room.store).restore()
    assert {one.draft for one in room.store.scheduled} == {first, last}
    for _ in range(2):
        await room.schedule.publish_due()
    assert room.published() == [first]
    await ScheduleRestore(room.store).restore()
    assert [one.draft for one in room.store.scheduled] == [last]


async def test_a_feed_whose_store_is_away_keeps_no_other(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It is restored in a later round."""
    room = await ScheduleHarness().open()
    name = await room.save(5)
    room.store.scheduled.clear()
    away = {"x"}
    count = room.store.count_drafts

    async def count_drafts(feed: str) -> int:
        if feed in away:
            raise Unavailable("the store is away")
        return await count(feed)

    monkeypatch.setattr(room.store, "count_drafts", count_drafts)
    await ScheduleRestore(room.store).restore()
    assert not room.store.scheduled
    away.clear()
    await ScheduleRestore(room.store).restore()
    assert [one.draft for one in room.store.scheduled] == [name]


@pytest.mark.parametrize("body", [b"{", b'{"slug":"\xff"}', b'{"x":' + b"[" * 5000])
async def test_a_damaged_feed_keeps_no_other(
    monkeypatch: pytest.MonkeyPatch, body: bytes
) -> None:
    room = await ScheduleHarness().open()
    name = await room.save(5)
    room.store.scheduled.clear()
    feeds = [body, *await room.store.feeds()]

    async def all_feeds() -> list[bytes]:
        return feeds

    monkeypatch.setattr(room.store, "feeds", all_feeds)
    await ScheduleRestore(room.store).restore()
    assert [one.draft for one in room.store.scheduled] == [name]
