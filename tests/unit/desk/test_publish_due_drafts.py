"""Scheduled drafts go out by themselves: once, when they are due, or say why not."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec
import pytest

from stoppress.desk import publish_due_drafts as module
from stoppress.desk.caller import Caller
from stoppress.desk.desk import Desk
from stoppress.desk.draft_store_protocol import DueDraft
from stoppress.desk.feeds import read_new_feed
from stoppress.desk.post_ids_and_idempotency_keys import Requester
from stoppress.desk.publish_due_drafts import FORGET_MS, Schedule
from stoppress.domain.draft_errors import DraftGone
from stoppress.domain.errors import Unavailable
from stoppress.domain.timestamps import instant
from tests.memory_store import MemoryStore
from tests.waiting import until

pytestmark = pytest.mark.asyncio

EDITOR = Caller(id="e", name="Eve", kind="session", scopes=("publish",))
ME = Requester("e")
START = 2_000_000_000_000


class ScheduleHarness:
    """A desk with a clock of its own."""

    def __init__(self) -> None:
        self.store = MemoryStore()
        self.now = START
        self.store.clock = lambda: self.now
        # The process's clock is a year behind, and nobody asks it.
        self.desk = Desk(self.store, clock=lambda: START - 31_536_000_000)
        self.who: list[str] = []
        self.schedule = Schedule(self.store, self.desk.drafts, begin=self.who.append)

    async def open(self) -> ScheduleHarness:
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


async def test_a_due_draft_is_published_once() -> None:
    """By the store's clock, with the time that it was scheduled for."""
    harness = await ScheduleHarness().open()
    name, later = await harness.save(5), await harness.save(60)
    await harness.schedule.publish_due()
    assert harness.published() == []
    harness.now += 5_300
    for _ in range(3):
        await harness.schedule.publish_due()
    assert harness.published() == [name]
    assert harness.who == ["e"]
    kept = msgspec.json.decode(await harness.store.post("x", name))
    assert kept["published_at"] == instant(START + 5_000)
    assert [one.draft for one in harness.store.scheduled] == [later]


async def test_another_time_counts_and_the_former_does_not() -> None:
    """Neither does the former one stay when the change was refused."""
    harness = await ScheduleHarness().open()
    name = await harness.save(5)
    await harness.save(50, name)
    harness.now += 10_000
    await harness.schedule.publish_due()
    assert harness.published() == []
    # A change that was not written has its member in the index, and the draft has not.
    await harness.store.schedule("x", name, START + 20_000)
    harness.now = START + 49_000
    harness.schedule._later.clear()
    await harness.schedule.publish_due()
    assert harness.published() == []
    harness.now = START + 50_000
    harness.schedule._later.clear()
    await harness.schedule.publish_due()
    assert harness.published() == [name]


async def test_a_member_that_leads_nowhere_is_kept_for_a_while() -> None:
    """The draft may yet be written; then it goes out, late but once."""
    harness = await ScheduleHarness().open()
    await harness.desk.drafts.open("x")
    await harness.store.schedule("x", "ghost", START - 10)
    await harness.store.schedule("nofeed", "ghost", START - 10)
    await harness.schedule.publish_due()
    assert len(harness.store.scheduled) == 2
    harness.now += FORGET_MS + 1
    harness.schedule._later.clear()
    await harness.schedule.publish_due()
    assert harness.store.scheduled == []


async def test_a_deleted_draft_does_not_go_out() -> None:
    """And is looked at once."""
    harness = await ScheduleHarness().open()
    name = await harness.save(5)
    await harness.desk.drafts.delete("x", name, None, EDITOR, ME)
    harness.now += 6_000
    await harness.schedule.publish_due()
    assert (harness.published(), harness.store.scheduled) == ([], [])


async def test_a_due_draft_that_is_refused_has_the_reason() -> None:
    """It is approved again, with the reason; nothing tries it once more."""
    harness = await ScheduleHarness().open()
    await harness.desk.posts.publish("x", b'{"headline":"A","external_id":"e"}', ME)
    name = await harness.save(5, external_id="e")
    harness.now += 6_000
    for _ in range(2):
        harness.schedule._later.clear()
        await harness.schedule.publish_due()
    _, draft = await harness.desk.drafts.read("x", name, EDITOR)
    assert (draft.state, draft.publish_at) == ("approved", None)
    assert "'e' belongs to post" in (draft.refusal or "")
    assert harness.store.scheduled == []


async def test_a_base_that_changed_is_a_reason() -> None:
    """The editor's later words are not overwritten."""
    harness = await ScheduleHarness().open()
    post = (await harness.desk.posts.publish("x", b'{"headline":"A"}', ME)).post
    name = await harness.save(5, base={"id": post, "rev": 1})
    await harness.desk.posts.edit("x", post, b'{"headline":"B"}', None, ME)
    harness.now += 6_000
    await harness.schedule.publish_due()
    _, draft = await harness.desk.drafts.read("x", name, EDITOR)
    assert "revision 1 is no longer current" in (draft.refusal or "")
    assert msgspec.json.decode(await harness.store.post("x", post))["headline"] == "B"


async def test_a_due_change_to_a_post_taken_down_is_deleted() -> None:
    """No revision of it is written again, and nothing tries it once more."""
    harness = await ScheduleHarness().open()
    post = (await harness.desk.posts.publish("x", b'{"headline":"A"}', ME)).post
    name = await harness.save(5, base={"id": post, "rev": 1})
    await harness.desk.posts.withdraw("x", post, None, ME)
    harness.store.kept["x"].taken_down.add(post)
    harness.now += 6_000
    await harness.schedule.publish_due()
    with pytest.raises(DraftGone, match="deleted"):
        await harness.desk.drafts.read("x", name, EDITOR)
    await harness.schedule.publish_due()
    assert harness.store.scheduled == []


async def test_a_store_that_is_away_is_asked_again() -> None:
    """Nothing is lost meanwhile."""
    harness = await ScheduleHarness().open()
    name = await harness.save(5)
    harness.now += 6_000
    harness.store.away = True
    with pytest.raises(Unavailable):
        await harness.schedule.publish_due()
    harness.store.away = False
    await harness.schedule.publish_due()
    assert harness.published() == [name]


async def test_two_processes_share_what_is_due() -> None:
    """Each is published by one of them."""
    harness = await ScheduleHarness().open()
    names = {await harness.save(5, headline=f"H{n}") for n in range(60)}
    other = Schedule(harness.store, Desk(harness.store).drafts)
    harness.now += 6_000

    async def publish(schedule: Schedule) -> None:
        while await schedule.publish_due():
            pass
        await schedule.publish_due()

    await asyncio.gather(publish(harness.schedule), publish(other))
    assert sorted(harness.published()) == sorted(names)
    assert harness.store.scheduled == []


async def test_index_entries_without_a_draft_are_passed_over() -> None:
    """A batch of members that lead nowhere is passed over."""
    harness = await ScheduleHarness().open()
    await harness.desk.drafts.open("x")
    for n in range(module.DUE_BATCH + 5):
        await harness.store.schedule("x", f"ghost{n}", START - 100 + n % 50)
    name = await harness.save(1)
    harness.now += 2_000
    while await harness.schedule.publish_due():
        pass
    await harness.schedule.publish_due()
    assert harness.published() == [name]
    assert DueDraft("x", "ghost0", START - 100) in harness.schedule._later


async def test_a_feed_that_does_not_answer_keeps_no_other(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Its posts go out once it answers; those of other feeds do not wait for it."""
    monkeypatch.setattr(module, "PATIENCE_S", 0.01)
    harness = await ScheduleHarness().open()
    await harness.desk.feeds.make(read_new_feed(b'{"slug":"y","title":"Y"}'), ME)
    slow = [await harness.save(5), await harness.save(6)]
    drafts, answers = harness.desk.drafts, asyncio.Event()
    publish, tried = drafts.publish_due, 0

    async def publish_due(feed: str, *rest: Any) -> bool:
        nonlocal tried
        if feed == "x":
            tried += 1
            await answers.wait()
        return await publish(feed, *rest)

    monkeypatch.setattr(drafts, "publish_due", publish_due)
    harness.now += 5_500
    await harness.schedule.publish_due()
    due = instant(harness.now + 1000)
    given = {"headline": "Y", "state": "scheduled", "publish_at": due}
    raw = msgspec.json.encode(given)
    other = (await drafts.create("y", raw, EDITOR, ME)).post
    harness.now += 2_000
    await harness.schedule.publish_due()
    kept = harness.store.kept
    assert [event.subject.id for event in kept["y"].events] == [other]
    assert (harness.published(), tried) == ([], 1)
    answers.set()
    await until(lambda: harness.published() == slow[:1])
    harness.schedule._later.clear()
    await harness.schedule.publish_due()
    assert sorted(harness.published()) == sorted(slow)
    assert harness.store.scheduled == []


async def test_cancelling_the_schedule_ends_its_publications() -> None:
    """Nothing of it goes on after it was cancelled."""
    harness = await ScheduleHarness().open()
    await harness.save(5)
    harness.now += 6_000
    begun, ended = asyncio.Event(), asyncio.Event()

    async def publish_due(*_: Any) -> bool:
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()
        return True

    harness.desk.drafts.publish_due = publish_due  # type: ignore[method-assign,assignment]  # of a test
    running = asyncio.create_task(harness.schedule.run())
    await begun.wait()
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert ended.is_set()
