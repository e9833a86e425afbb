"""The interface of the store (`log/store.py`) as the desk uses it.

Every method raises Unavailable if the store does not answer.
"""

from __future__ import annotations

from typing import Protocol

from stoppress.domain.cursor import Cursor
from stoppress.domain.store_records import (
    Idempotency,
    PageMark,
    PostPage,
    Snapshot,
    StoredFeed,
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
        """Reserve the Idempotency-Key for creating this feed; whether it was free.

        Raises IdempotencyKeyReused if it is reserved for another feed.
        """

    async def release(self, idempotency: Idempotency) -> None:
        """Release a reserved Idempotency-Key."""

    async def drop_feed(
        self, feed: str, expected: int | None, idempotency: Idempotency | None
    ) -> None:
        """Delete a feed with all its posts; ends its readers. Raises NotFound."""

    async def write(self, write: Write) -> Written:
        """Apply the changes of a write atomically.

        Raises NotFound, Gone, StaleRevision, ExternalIdTaken, IdempotencyKeyReused,
        PinMoved.
        """

    async def recall(self, feed: str, idempotency: Idempotency) -> Written | None:
        """The earlier write with this key, or None. Raises IdempotencyKeyReused."""

    async def confirm(self, feed: str) -> Cursor:
        """Wait until all writes to the feed have the configured durability.

        Returns the cursor at the end of its log. Raises NotFound.
        """

    async def feed(self, feed: str) -> StoredFeed:
        """The feed as it is now. Raises NotFound."""

    async def feeds(self) -> list[bytes]:
        """The stored JSON of all feeds, of every visibility.

        Order: newest created first, then by slug, descending.
        """

    async def post(self, feed: str, post: str) -> bytes:
        """The post's stored JSON. Raises NotFound, Gone."""

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


class TokenStore(Protocol):
    """Stores the record of each token, under the digest of its secret."""

    async def put_token(self, digest: str, record: bytes) -> None:
        """Store a token's record."""

    async def token(self, digest: str) -> bytes | None:
        """The record of the token, or None."""

    async def tokens(self) -> list[tuple[str, bytes]]:
        """Every digest with its record."""

    async def drop_token(self, digest: str) -> bool:
        """Delete a token; whether it existed."""
