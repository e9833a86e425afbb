"""The interface of the store (`log/store.py`) as the desk uses it.

Every method raises Unavailable if the store does not answer.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from stoppress.domain.cursor import Cursor
from stoppress.domain.store_requests_and_results import (
    AuditPage,
    Idempotency,
    PageMark,
    PostHistory,
    PostPage,
    Snapshot,
    StoredFeed,
    TokenUnderKey,
    WithdrawnPage,
    Write,
    Written,
)


class Store(Protocol):
    """Stores feeds and posts; each write is atomic."""

    async def make_feed(
        self,
        feed: str,
        body: bytes,
        at: int,
        idempotency: Idempotency | None,
        rev: int = 1,
    ) -> Written:
        """Create a feed with a new epoch, at seq 0.

        Raises SlugTaken, IdempotencyKeyReused.
        """

    async def claim(self, feed: str, idempotency: Idempotency) -> bool:
        """Reserve the Idempotency-Key for creating this feed; returns whether it was
        free.

        Raises IdempotencyKeyReused if it is reserved for another feed.
        """

    async def release(self, idempotency: Idempotency) -> None:
        """Release a reserved Idempotency-Key."""

    async def drop_feed(
        self, feed: str, expected: int | None, idempotency: Idempotency | None
    ) -> None:
        """Delete a feed and its posts; disconnects its readers. Raises NotFound."""

    async def write(self, write: Write) -> Written:
        """Apply the changes of a write atomically.

        Raises NotFound, Gone, StaleRevision, ExternalIdTaken, IdempotencyKeyReused,
        PinMoved.
        """

    async def recall(self, feed: str, idempotency: Idempotency) -> Written | None:
        """The earlier write with this key, or None. Raises IdempotencyKeyReused."""

    async def value_under_key(self, feed: str, idempotency: Idempotency) -> str | None:
        """What was kept under this key, or None.

        Raises NotFound, IdempotencyKeyReused.
        """

    async def keep_under_key(
        self, feed: str, idempotency: Idempotency, value: str
    ) -> str:
        """Keep a value under a key, unless there is one; returns the kept value.

        Raises NotFound, IdempotencyKeyReused.
        """

    async def confirm(self, feed: str) -> Cursor:
        """Wait until all writes to the feed have the configured durability.

        Returns the cursor at the end of its log. Raises NotFound.
        """

    async def feed(self, feed: str) -> StoredFeed:
        """The feed's current state. Raises NotFound."""

    async def feed_body(self, feed: str) -> bytes | None:
        """The feed's stored JSON alone, or None: one read, whether it exists or not."""

    async def feeds(self) -> list[bytes]:
        """The stored JSON of all feeds, of every visibility.

        Order: newest created first, then by slug, descending.
        """

    async def last_events_at(self, feeds: Sequence[str]) -> list[int | None]:
        """The time of each feed's last event, in milliseconds since 1970.

        None if it is unknown.
        """

    async def post(self, feed: str, post: str) -> bytes:
        """The post's stored JSON. Raises NotFound, Gone (with its revision)."""

    async def external_post(self, feed: str, external_id: str) -> str | None:
        """The id of the post with this external id, withdrawn or not, or None.

        Raises NotFound.
        """

    async def revisions(self, feed: str, post: str) -> PostHistory:
        """The post's stored earlier states. Raises NotFound."""

    async def page(
        self, feed: str, mark: PageMark | None, limit: int, rising: bool = False
    ) -> PostPage:
        """Up to `limit` posts after `mark`, newest first (rising: oldest first).

        Raises NotFound.
        """

    async def withdrawn(self, feed: str, after: str, limit: int) -> WithdrawnPage:
        """About `limit` withdrawn posts after a mark ("": from the first on).

        Raises NotFound, and Invalid if the mark is invalid.
        """

    async def snapshot(self, feed: str, limit: int) -> Snapshot:
        """The feed, its newest posts and the pinned one, atomically. NotFound."""


class AuditStore(Protocol):
    """Stores the audit; writes add their entries themselves, in the same step."""

    async def add_refused(self, what: str, subject: str = "") -> None:
        """Add an entry about a refused caller, such as a failed sign-in."""

    async def page(self, feed: str | None, before: str, limit: int) -> AuditPage:
        """The newest entries before a mark ("": of all), of one feed or of all.

        Raises Invalid if the mark is invalid.
        """


class NoAudit:
    """An audit that stores nothing."""

    async def add(self, what: str, subject: str = "", *, who: str = "") -> None:
        """Do nothing."""

    async def add_refused(self, what: str, subject: str = "") -> None:
        """Do nothing."""

    async def page(self, feed: str | None, before: str, limit: int) -> AuditPage:
        """No entries."""
        return AuditPage((), None)


class TokenStore(Protocol):
    """Stores the record of each token, under the digest of its secret."""

    async def put_token(self, digest: str, record: bytes) -> None:
        """Store a token's record, with its audit entry."""

    async def make_token(
        self, made: TokenUnderKey, record: bytes, idempotency: Idempotency
    ) -> TokenUnderKey:
        """Store a token's record, its audit entry and its Idempotency-Key, in one step.

        Returns the token under the key: `made`, or the one that the key made before.
        Raises IdempotencyKeyReused.
        """

    async def recall_token(self, idempotency: Idempotency) -> TokenUnderKey | None:
        """The token that this key made or revoked, or None.

        Raises IdempotencyKeyReused.
        """

    async def token(self, digest: str) -> bytes | None:
        """The record of the token, or None."""

    async def token_records(self, digests: Sequence[str]) -> list[bytes | None]:
        """The record of each token, or None; one or more digests."""

    async def tokens(self) -> list[tuple[str, bytes]]:
        """Every digest with its record."""

    async def drop_token(
        self, digest: str, idempotency: Idempotency | None = None
    ) -> bool:
        """Delete a token with its last use, with an audit entry if it existed.

        Returns whether it did, now or when the key was new. Raises
        IdempotencyKeyReused.
        """

    async def put_token_uses(self, minutes: Mapping[str, int]) -> None:
        """Store the minute (since 1970) of the last use of each digest."""

    async def token_uses(self) -> dict[str, int]:
        """The minute of the last use of each digest that was used."""
