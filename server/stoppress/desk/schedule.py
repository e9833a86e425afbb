"""The schedule: publishes drafts when they are due.

Every process runs one. A publication is one step of the store, so exactly one attempt
succeeds, in any process. Rules:
- The store's clock decides what is due, never this process's clock.
- An entry of the index only names a draft to check: the draft says whether it is
  scheduled, and for when. An entry without a draft is kept for FORGET_MS, as the draft
  may still be written.
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
from stoppress.domain.errors import DraftGone, NotFound, StopPressError, Unavailable
from stoppress.metric_types import NO_METER, Meter

LOOK_S = 0.1
DUE_BATCH = 50
"""Entries of the index that are checked together, earliest first."""
AT_ONCE = 16
"""Concurrent publications: each waits for the disk."""
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

    async def run(self) -> None:
        """Publish due drafts, until cancelled."""
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

    async def publish_due(self) -> bool:
        """Publish the drafts that are due now; returns whether there may be more."""
        loop = asyncio.get_running_loop()
        asked = loop.time()
        self._later = {one: at for one, at in self._later.items() if at > asked}
        found = await self._store.due_drafts(DUE_BATCH + len(self._later))
        due = [one for one in found.drafts if one not in self._later]
        if not due:
            return False
        # Processes begin at different ends, so they rarely try the same draft.
        random.shuffle(due)
        waiting = iter(due)
        done: list[DueDraft] = []

        async def work() -> None:
            for one in waiting:
                now_ms = found.now_ms + int((loop.time() - asked) * 1000)
                if await self._is_done(one, now_ms):
                    done.append(one)
                else:
                    self._later[one] = loop.time() + AGAIN_S

        async with asyncio.TaskGroup() as group:
            for _ in range(min(AT_ONCE, len(due))):
                group.create_task(work())
        await self._store.unschedule(done)
        return len(due) >= DUE_BATCH

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
