"""Templates and notes on posts of the in-memory store."""

from __future__ import annotations

from stoppress.desk.templates_and_post_notes import (
    DeskTextChange,
    OtherText,
    tag_of,
)
from stoppress.domain.cursor import Cursor
from stoppress.domain.errors import Gone, NotFound
from stoppress.domain.store_requests_and_results import Written
from tests.memory_store_core import MemoryStoreCore


class MemoryDeskTexts(MemoryStoreCore):
    """The part of a MemoryStore for texts that the desk keeps for itself."""

    async def desk_texts(self, feed: str) -> list[bytes]:
        """All texts of a place."""
        self._called("desk_texts")
        return list(self._texts(feed).values())

    async def desk_text(self, feed: str, name: str) -> bytes | None:
        """One text."""
        self._called("desk_text")
        return self._texts(feed).get(name)

    def _texts(self, feed: str) -> dict[str, bytes]:
        if feed:
            self._feed(feed)
        return self.texts.setdefault(feed, {})

    async def change_desk_text(self, change: DeskTextChange) -> bytes | None:
        """Keep or drop a text."""
        self._called("change_desk_text")
        feed, key, texts = change.feed, change.idempotency, self._texts(change.feed)
        kept = self._feed(feed) if feed else None
        born = kept.born if kept else ""
        if self._recall(feed, key, born) is not None:
            return texts.get(change.name, b"")
        if kept and change.post in kept.gone:
            raise Gone(feed, change.post, kept.gone[change.post])
        if kept and change.post not in kept.posts:
            raise NotFound(feed, change.post)
        record = texts.get(change.name, b"")
        if change.tags is not None and tag_of(record) not in change.tags:
            raise OtherText(record)
        if not change.record:
            if texts.pop(change.name, None) is None:
                raise LookupError(change.name)
        elif change.name not in texts and len(texts) >= change.most:
            raise OverflowError(change.most)
        else:
            texts[change.name] = change.record
        self.audited.append((change.what, change.subject))
        self._remember(feed, key, born, Written(change.name, Cursor("e", 0)))
        return None
