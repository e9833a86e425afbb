"""Scheduled drafts go out by themselves: once, when they are due, or say why not."""

from __future__ import annotations

import asyncio

import msgspec
import pytest

from stoppress.desk import schedule as module
from stoppress.desk.caller import Caller
from stoppress.desk.desk import Desk
from stoppress.desk.draft_store_protocol import DueDraft
from stoppress.desk.feeds import read_new_feed
from stoppress.desk.post_ids_and_idempotency_keys import Requester
from stoppress.desk.schedule import FORGET_MS, Schedule
from stoppress.domain.errors import Unavailable
from stoppress.domain.timestamps import instant
from tests.memory_store import MemoryStore

pytestmark = pytest.mark.asyncio

EDITOR = Caller(id="e", name="Eve", kind="session", scopes=("publish",))
ME = Requester("e")
START = 2_000_000_000_000


class Room:
    """A desk with a clock of its own."""

    def __init__(self) -> None:
        self.store = MemoryStore()
        self.now = START
        self.store.clock = lambda: self.now
        # The process's clock is a year behind, and nobody asks it.
        self.desk = Desk(self.store, clock=lambda: START - 31_536_000_000)
        self.who: list[str] = []
        self.schedule = Schedule(self.store, self.desk.drafts, begin=self.who.append)

    async def open(self) -> Room:
        """Make the feed x."""
        await self.desk.feeds.make(read_new_feed(b'{"slug":"x","title":"X"}'), ME)
        return self

    async def save(self, in_s: float, name: str = "", **fields: object) -> str:
        """Schedule a draft, new or not; its id."""
        due = instant(self.now + int(in_s * 1000))
        given = {"headline": "H", "state": "scheduled", "publish_at": due, **fields}
        raw = msgspec.json.encode(given)
        drafts = self.desk.drafts
        if not name:
            return (await drafts.create("x", raw, EDITOR, ME)).post
        return (await drafts.put("x", name, raw, None, EDITOR, ME)).post

    def published(self) -> list[str]:
        """The ids of what is out."""
        return [event.subject.id for event in self.store.kept["x"].events]


async def test_what_is_due_goes_out_once() -> None:
    """By the store's clock, with the time that it was scheduled for."""
    room = await Room().open()
    name, later = await room.save(5), await room.save(60)
    await room.schedule.publish_due()
    assert room.published() == []
    room.now += 5_300
    for _ in range(3):
        await room.schedule.publish_due()
    assert room.published() == [name]
    assert room.who == ["e"]
    kept = msgspec.json.decode(await room.store.post("x", name))
    assert kept["published_at"] == instant(START + 5_000)
    assert [one.draft for one in room.store.scheduled] == [later]


async def test_another_time_counts_and_the_former_does_not() -> None:
    """Neither does the former one stay when the change was refused."""
    room = await Room().open()
    name = await room.save(5)
    await room.save(50, name)
    room.now += 10_000
    await room.schedule.publish_due()
    assert room.published() == []
    # A change that was not written has its member in the index, and the draft has not.
    await room.store.schedule("x", name, START + 20_000)
    room.now = START + 49_000
    room.schedule._later.clear()
    await room.schedule.publish_due()
    assert room.published() == []
    room.now = START + 50_000
    room.schedule._later.clear()
    await room.schedule.publish_due()
    assert room.published() == [name]


async def test_a_member_that_leads_nowhere_is_kept_for_a_while() -> None:
    """The draft may yet be written; then it goes out, late but once."""
    room = await Room().open()
    await room.desk.drafts.open("x")
    await room.store.schedule("x", "ghost", START - 10)
    await room.store.schedule("nofeed", "ghost", START - 10)
    await room.schedule.publish_due()
    assert len(room.store.scheduled) == 2
    room.now += FORGET_MS + 1
    room.schedule._later.clear()
    await room.schedule.publish_due()
    assert room.store.scheduled == []


async def test_a_deleted_draft_does_not_go_out() -> None:
    """And is looked at once."""
    room = await Room().open()
    name = await room.save(5)
    await room.desk.drafts.delete("x", name, None, EDITOR, ME)
    room.now += 6_000
    await room.schedule.publish_due()
    assert (room.published(), room.store.scheduled) == ([], [])


async def test_what_can_not_go_out_says_why() -> None:
    """It is approved again, with the reason; nothing tries it once more."""
    room = await Room().open()
    await room.desk.posts.publish("x", b'{"headline":"A","external_id":"e"}', ME)
    name = await room.save(5, external_id="e")
    room.now += 6_000
    for _ in range(2):
        room.schedule._later.clear()
        await room.schedule.publish_due()
    _, draft = await room.desk.drafts.read("x", name, EDITOR)
    assert (draft.state, draft.publish_at) == ("approved", None)
    assert "'e' belongs to post" in (draft.refusal or "")
    assert room.store.scheduled == []


async def test_a_base_that_changed_is_a_reason() -> None:
    """The editor's later words are not overwritten."""
    room = await Room().open()
    post = (await room.desk.posts.publish("x", b'{"headline":"A"}', ME)).post
    name = await room.save(5, base={"id": post, "rev": 1})
    await room.desk.posts.edit("x", post, b'{"headline":"B"}', None, ME)
    room.now += 6_000
    await room.schedule.publish_due()
    _, draft = await room.desk.drafts.read("x", name, EDITOR)
    assert "revision 1 is no longer current" in (draft.refusal or "")
    assert msgspec.json.decode(await room.store.post("x", post))["headline"] == "B"


async def test_a_store_that_is_away_is_asked_again() -> None:
    """Nothing is lost meanwhile."""
    room = await Room().open()
    name = await room.save(5)
    room.now += 6_000
    room.store.away = True
    with pytest.raises(Unavailable):
        await room.schedule.publish_due()
    room.store.away = False
    await room.schedule.publish_due()
    assert room.published() == [name]


async def test_two_processes_share_what_is_due() -> None:
    """Each is published by one of them."""
    room = await Room().open()
    names = {await room.save(5, headline=f"H{n}") for n in range(60)}
    other = Schedule(room.store, Desk(room.store).drafts)
    room.now += 6_000

    async def publish(schedule: Schedule) -> None:
        while await schedule.publish_due():
            pass
        await schedule.publish_due()

    await asyncio.gather(publish(room.schedule), publish(other))
    assert sorted(room.published()) == sorted(names)
    assert room.store.scheduled == []


async def test_one_that_waits_does_not_keep_the_others() -> None:
    """A batch of members that lead nowhere is passed over."""
    room = await Room().open()
    await room.desk.drafts.open("x")
    for n in range(module.DUE_BATCH + 5):
        await room.store.schedule("x", f"ghost{n}", START - 100 + n % 50)
    name = await room.save(1)
    room.now += 2_000
    while await room.schedule.publish_due():
        pass
    await room.schedule.publish_due()
    assert room.published() == [name]
    assert DueDraft("x", "ghost0", START - 100) in room.schedule._later
