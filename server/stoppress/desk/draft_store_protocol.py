"""The interface of the store as the commands for drafts use it.

A draft is stored in the feed's desk log (`domain.desk_log_name`) as a post is in the
feed's log: the methods of `Store` take the log's name. This interface adds what only
desk logs have. Every method raises Unavailable if the store does not answer.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol

from stoppress.desk.presence_and_leases import Touch
from stoppress.desk.store_protocol import Store
from stoppress.domain.store_requests_and_results import (
    Change,
    Idempotency,
    Write,
    Written,
)


class DueDraft(NamedTuple):
    """An entry of the schedule: a draft to check, and the time when it is due."""

    feed: str
    draft: str
    due_ms: int


class DueDrafts(NamedTuple):
    """The drafts that are due, earliest first, at the store's time (ms since 1970)."""

    now_ms: int
    drafts: tuple[DueDraft, ...]


class DraftStore(Store, Protocol):
    """Stores drafts beside posts."""

    async def open_desk_log(self, feed: str) -> None:
        """Create the feed's desk log if it has none. Raises NotFound."""

    async def count_drafts(self, feed: str) -> int:
        """How many drafts the feed's desk log has."""

    async def publish_draft(self, write: Write, draft: Change) -> Written:
        """Make the changes of a write, and one change to the desk log, atomically.

        Raises what `write` raises; for the draft StaleRevision, Gone, NotFound, each
        naming the desk log.
        """

    async def published_draft(self, log: str, draft: str) -> Written | None:
        """The post as which a draft was published (`repeated`); None if it was not."""

    async def schedule(self, feed: str, draft: str, due_ms: int) -> None:
        """Add the draft to the schedule, for its time by the store's clock."""

    async def due_drafts(self, limit: int) -> DueDrafts:
        """The drafts that are due now, by the store's clock."""

    async def unschedule(self, due: Sequence[DueDraft]) -> None:
        """Remove these drafts from the schedule."""

    async def touch_presence(
        self, feed: str, touch: Touch, idempotency: Idempotency | None = None
    ) -> tuple[bool, bytes]:
        """Change who is at a desk; returns whether it was done, and the notice.

        Not again under the same key. Raises IdempotencyKeyReused.
        """
