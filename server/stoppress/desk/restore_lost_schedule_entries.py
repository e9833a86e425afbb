"""Adds scheduled drafts to the schedule again where their entries are gone.

The schedule is an index of the drafts, in another part of the store than most of them.
It may lose an entry that its feed has: a failover before the entry was copied, a part
restored from an older backup. Every process goes through the feeds when it starts, and
then about every RESTORE_S. Rules:
- The draft is the record. Adding an entry that is there changes nothing, and one too
  many is removed when it is checked (`publish_due_drafts.py`): nothing goes out twice.
- It reads one number of each feed, and the drafts only of feeds that have any.
"""

from __future__ import annotations

import asyncio
import logging
import random

import msgspec

from stoppress.desk.draft_store_protocol import DraftStore
from stoppress.desk.stored_draft_from_input_and_to_post import due_ms
from stoppress.domain.desk_log_name import desk_log_of
from stoppress.domain.errors import StopPressError
from stoppress.domain.keep_unknown_members import STORED_DRAFTS
from stoppress.domain.store_requests_and_results import PageMark
from stoppress.domain.undecodable_json import UNDECODABLE

RESTORE_S = 600.0
PAGE_DRAFTS = 100
FEED_PAUSE_S = 0.02
"""Between two feeds: those who read and write go first."""

log = logging.getLogger(__name__)


class _Slug(msgspec.Struct):
    slug: str


_slug = msgspec.json.Decoder(_Slug)


class ScheduleRestore:
    """Restores entries of the schedule, while `run` runs."""

    def __init__(self, store: DraftStore) -> None:
        self._store = store

    async def run(self) -> None:
        """Restore entries, until cancelled."""
        while True:
            try:
                await self.restore()
            except StopPressError as problem:
                log.info("restoring the schedule waits for the store: %s", problem)
            except Exception:
                log.exception("restoring the schedule failed; it goes on")
            # The pauses vary, so that processes do not all read at once.
            await asyncio.sleep(random.uniform(0.5, 1) * RESTORE_S)  # noqa: S311 (spreads load, no secret)

    async def restore(self) -> None:
        """Go through all feeds once."""
        for body in await self._store.feeds():
            feed = "a damaged feed"
            try:
                feed = _slug.decode(body).slug
                await self._restore(feed)
            except (StopPressError, *UNDECODABLE) as problem:
                log.info("the schedule of %s is restored later: %s", feed, problem)
            await asyncio.sleep(FEED_PAUSE_S)

    async def _restore(self, feed: str) -> None:
        if not await self._store.count_drafts(feed):
            return
        mark: PageMark | None = None
        while True:
            page = await self._store.page(desk_log_of(feed), mark, PAGE_DRAFTS)
            for body in page.posts:
                draft = STORED_DRAFTS.read(body)
                if draft.state == "scheduled" and (due := due_ms(draft)) is not None:
                    await self._store.schedule(feed, draft.id, due)
            mark = page.next
            if mark is None:
                return
