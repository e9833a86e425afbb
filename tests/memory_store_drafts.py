"""Desk logs of the in-memory store: drafts, their schedule, and presence."""

from __future__ import annotations

from collections.abc import Sequence

from stoppress.desk.draft_store_protocol import DueDraft, DueDrafts
from stoppress.desk.presence_and_leases import Touch
from stoppress.domain.desk_log_name import desk_log_of
from stoppress.domain.store_requests_and_results import (
    Change,
    Idempotency,
    Write,
    Written,
)
from stoppress.log.desk_log_and_schedule_scripts import STATE
from tests.memory_store_core import MemoryFeed
from tests.memory_store_feeds import MemoryFeeds


class MemoryDrafts(MemoryFeeds):
    """The part of a MemoryStore for the desk."""

    async def open_desk_log(self, feed: str) -> None:
        """See to it that the feed has a desk log."""
        self._called("open_desk_log")
        self._feed(feed)
        log = desk_log_of(feed)
        if log not in self.kept:
            self._epochs += 1
            self.kept[log] = MemoryFeed(log, f"e{self._epochs}", STATE)

    async def count_drafts(self, feed: str) -> int:
        """How many drafts there are."""
        self._called("count_drafts")
        return len(self._feed(desk_log_of(feed)).posts)

    async def publish_draft(self, write: Write, draft: Change) -> Written:
        """Make the changes of a write, and one to the desk log."""
        kept, log = self._feed(write.feed), desk_log_of(write.feed)
        done = self._recall(write.feed, write.idempotency, kept.born)
        if done is not None:
            return done
        self._check(self._feed(log), draft)
        written = await self.write(write)
        self.append(log, draft, write.at)
        self._published[log, draft.subject.id] = written._replace(repeated=True)
        return written

    async def published_draft(self, log: str, draft: str) -> Written | None:
        """What a draft was published as."""
        self._called("published_draft")
        return self._published.get((log, draft))

    async def schedule(self, feed: str, draft: str, due_ms: int) -> None:
        """Have the draft looked at when it is due."""
        self._called("schedule")
        if (entry := DueDraft(feed, draft, due_ms)) not in self.scheduled:
            self.scheduled.append(entry)

    async def due_drafts(self, limit: int) -> DueDrafts:
        """What is due now."""
        self._called("due_drafts")
        now = self.clock()
        found = sorted(
            (one for one in self.scheduled if one.due_ms <= now),
            key=lambda one: one.due_ms,
        )
        return DueDrafts(now, tuple(found[:limit]))

    async def unschedule(self, due: Sequence[DueDraft]) -> None:
        """Look at these no more."""
        self._called("unschedule")
        self.scheduled = [one for one in self.scheduled if one not in due]

    async def touch_presence(
        self, feed: str, touch: Touch, idempotency: Idempotency | None = None
    ) -> tuple[bool, bytes]:
        """Keep who is here, for good; leases and requests are the script's matter."""
        self._called("touch_presence")
        kept = self._feed(feed)
        is_repeated = self._recall(feed, idempotency, kept.born) is not None
        if touch.what not in ("read", "want"):
            self._remember(feed, idempotency, kept.born, Written("", kept.cursor))
        held = self.present.setdefault(feed, {})
        if is_repeated:
            pass
        elif touch.what == "here":
            held[touch.client] = touch.members
        elif touch.what == "leave":
            held.pop(touch.client, None)
        people = ",".join(
            f'{{"client":"{client}","ttl_s":30,{members}}}'
            for client, members in held.items()
        )
        notice = f'"desk":"{feed}","people":[{people}],"leases":[]}}'
        return touch.what != "want", f'{{"type":"presence",{notice}'.encode()
