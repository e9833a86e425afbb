"""What the desk needs of whoever keeps the news (the log's store).

Every method raises Unavailable if the store can't answer.
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
    """Keeps feeds and posts; each write is one atomic step."""

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
        """Let the Idempotency-Key make this feed and no other; whether that is new.

        Raises IdempotencyKeyReused if another feed is or was to be made under it.
        """

    async def release(self, idempotency: Idempotency) -> None:
        """Let the Idempotency-Key make any feed again."""

    async def drop_feed(
        self, feed: str, expected: int | None, idempotency: Idempotency | None
    ) -> None:
        """Delete a feed with all its posts; readers are told. Raises NotFound."""

    async def write(self, write: Write) -> Written:
        """Make changes, in one step.

        Raises NotFound, Gone, StaleRevision, ExternalIdTaken, IdempotencyKeyReused,
        PinMoved.
        """

    async def recall(self, feed: str, idempotency: Idempotency) -> Written | None:
        """The write under this key, or None. Raises IdempotencyKeyReused."""

    async def confirm(self, feed: str) -> Cursor:
        """Wait until what the feed holds is as safe as what is acknowledged.

        Returns where its log ends. Raises NotFound.
        """

    async def feed(self, feed: str) -> StoredFeed:
        """The feed as it is now. Raises NotFound."""

    async def feeds(self) -> list[bytes]:
        """Every feed's kept JSON, of every visibility: newest made first, then by slug,
        last first.
        """

    async def post(self, feed: str, post: str) -> bytes:
        """The post's kept JSON. Raises NotFound, Gone."""

    async def page(
        self, feed: str, mark: PageMark | None, limit: int, rising: bool = False
    ) -> PostPage:
        """Up to `limit` posts from `mark` on, newest first (rising: oldest first).

        Raises NotFound.
        """

    async def withdrawn(self, feed: str, after: str, limit: int) -> WithdrawnPage:
        """About `limit` withdrawn posts after a mark ("": the first).

        Raises NotFound, and Invalid for a mark that is none.
        """

    async def snapshot(self, feed: str, limit: int) -> Snapshot:
        """The feed, its newest posts and the pinned one, in one step. NotFound."""


class TokenStore(Protocol):
    """Keeps what is known of each token, under the digest of its secret."""

    async def put_token(self, digest: str, record: bytes) -> None:
        """Keep a token's record."""

    async def token(self, digest: str) -> bytes | None:
        """The record of the token, or None if there is none."""

    async def tokens(self) -> list[tuple[str, bytes]]:
        """Every digest with its record."""

    async def drop_token(self, digest: str) -> bool:
        """Forget a token; whether it was there."""
