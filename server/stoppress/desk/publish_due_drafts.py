"""The schedule: publishes drafts when they are due.

Every process runs one. A publication is one step of the store, so exactly one attempt
succeeds, in any process. Rules:
- The store's clock decides what is due, never this process's clock.
- An entry of the index only names a draft to check: the draft says whether it is
  scheduled, and for when. An entry without a draft is kept for FORGET_MS, as the draft
  may still be written.
- A publication that takes longer than PATIENCE_S goes on by itself, and its feed waits
  until it ends: a feed whose part of the store is away does not keep the others.
- A draft that can't be published (its external id is taken, its base has changed) is
  set to approved, with the reason. An attempt that failed because of the store is
  repeated.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Callable

from stoppress.desk.draft_store_protocol import DraftStore, DueDraft
from stoppress.desk.drafts import DraftDesk
from stoppress.domain.draft_errors import (
    DraftGone,
)
from stoppress.domain.errors import (
    NotFound,
    StopPressError,
    Unavailable,
)
from stoppress.metric_instruments import NO_METER, Meter

LOOK_S = 0.1
DUE_BATCH = 50
"""Entries of the index that are checked together, earliest first."""
PATIENCE_S = 0.5
"""How long a round waits for its publications: each waits for the disk."""
MOST_UNDER_WAY = 256
"""Publications under way, of all rounds; at this number no round begins another."""
FORGET_MS = 60_000
AGAIN_S = 2.0
"""Pause before an entry that failed is tried again."""

log = logging.getLogger(__name__)


class ScheduleMetrics:
    """The metrics of a schedule."""

    def __init__(self, meter: Meter = NO_METER) -> None:
        self.published = meter.counter(
            "stoppress_scheduled_published",
            "Scheduled drafts that this server published.",
        )
        self.refused = meter.counter(
            "stoppress_scheduled_refused", "Scheduled drafts that could not go out."
        )


class Schedule:
    """Publishes due drafts, while `run` runs."""

    def __init__(
        self,
        store: DraftStore,
        drafts: DraftDesk,
        metrics: ScheduleMetrics | None = None,
        begin: Callable[[str], None] = lambda who: None,
    ) -> None:
        """`begin` is called in each publication's task, with the scheduling person."""
        self._store = store
        self._drafts = drafts
        self._metrics = metrics or ScheduleMetrics()
        self._begin = begin
        self._later: dict[DueDraft, float] = {}
        """Entries that are not checked before a time of the event loop's clock."""
        self._under_way: dict[DueDraft, asyncio.Task[bool]] = {}
        """Publications that have not ended, or whose entry is still to be removed."""

    async def run(self) -> None:
        """Publish due drafts, until cancelled."""
        try:
            while True:
                try:
                    is_more = await self.publish_due()
                except Unavailable as problem:
                    log.info("the schedule waits for the store: %s", problem)
                    is_more = False
                except Exception:
                    log.exception("the schedule failed; it goes on")
                    is_more = False
                # The pauses vary, so that processes do not all read at once.
                await asyncio.sleep(0 if is_more else random.uniform(0.5, 1) * LOOK_S)  # noqa: S311 (spreads load, no secret)
        finally:
            tasks = list(self._under_way.values())
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def publish_due(self) -> bool:
        """Publish the drafts that are due now; returns whether there may be more."""
        loop = asyncio.get_running_loop()
        await self._remove_done()
        asked = loop.time()
        self._later = {one: at for one, at in self._later.items() if at > asked}
        known = self._later.keys() | self._under_way.keys()
        found = await self._store.due_drafts(DUE_BATCH + len(known))
        due = [one for one in found.drafts if one not in known]
        # Processes begin at different ends, so they rarely try the same draft.
        random.shuffle(due)
        slow = {one.feed for one in self._under_way}
        begun: list[asyncio.Task[bool]] = []
        for one in due:
            if one.feed in slow:
                self._later[one] = asked + AGAIN_S
            elif len(self._under_way) < MOST_UNDER_WAY:
                now_ms = found.now_ms + int((loop.time() - asked) * 1000)
                begun.append(loop.create_task(self._is_done(one, now_ms)))
                self._under_way[one] = begun[-1]
        if begun:
            await asyncio.wait(begun, timeout=PATIENCE_S)
            await self._remove_done()
        return len(due) >= DUE_BATCH

    async def _remove_done(self) -> None:
        """Remove the entries whose publications have ended; the others come again."""
        ended = {one: task for one, task in self._under_way.items() if task.done()}
        done = [one for one, task in ended.items() if task.result()]
        await self._store.unschedule(done)
        again = asyncio.get_running_loop().time() + AGAIN_S
        for one in ended:
            del self._under_way[one]
            if one not in done:
                self._later[one] = again

    async def _is_done(self, one: DueDraft, now_ms: int) -> bool:
        """Check one draft; returns whether its entry can be removed."""
        try:
            is_out = await self._drafts.publish_due(
                one.feed, one.draft, one.due_ms, now_ms, self._begin
            )
        except DraftGone:
            return True
        except NotFound:
            return now_ms - one.due_ms > FORGET_MS
        except Unavailable as problem:
            log.warning("a scheduled draft of %s waits: %s", one.feed, problem)
            return False
        except StopPressError as problem:
            # The reason could not be saved, as the draft was changed meanwhile.
            log.info("a scheduled draft of %s waits: %s", one.feed, problem)
            return False
        except Exception:
            log.exception("a scheduled draft of %s failed", one.feed)
            return False
        (self._metrics.published if is_out else self._metrics.refused).add()
        return True
