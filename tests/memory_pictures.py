"""A library of pictures and its records in memory, for tests of what stands on them."""

from __future__ import annotations

from collections.abc import Iterable, Set
from typing import BinaryIO

from stoppress.desk.upload_and_take_down_pictures import NewPicture
from stoppress.domain.errors import IdempotencyKeyReused, Unavailable
from stoppress.domain.picture_address import FeedPicture, UploadedPicture
from stoppress.domain.store_requests_and_results import Idempotency


class Library:
    """Makes pictures without files."""

    def __init__(self) -> None:
        self.made: list[UploadedPicture] = []
        self.removed: list[str] = []

    async def add(self, feed: str, file: BinaryIO) -> NewPicture:
        """A picture of its own each time."""
        name = f"a{len(self.made):016}"
        self.made.append(UploadedPicture(feed, name, 1200, 800, "jpg"))
        return NewPicture(self.made[-1], "a note")

    async def file(self, feed: str, name: str) -> bytes | None:
        """One has it."""
        return name.encode()

    async def remove(self, feed: str, pictures: Iterable[str]) -> list[str]:
        """Their names."""
        self.removed += pictures
        return [one.name for one in self.made if one.id in self.removed]

    async def remove_feed(self, feed: str) -> bool:
        """There were some."""
        return True


class Records:
    """Remembers keys, and which pictures are used."""

    def __init__(
        self,
        used: frozenset[str] = frozenset(),
        elsewhere: frozenset[FeedPicture] | Unavailable = frozenset(),
    ) -> None:
        self.used = used
        self.elsewhere = elsewhere
        self.names: dict[str, tuple[str, str]] = {}
        self.noted: list[str] = []
        self.earlier = ""

    async def uploaded(self, feed: str, idempotency: Idempotency) -> str | None:
        """By its key."""
        name, fingerprint = self.names.get(idempotency.key, ("", ""))
        if name and fingerprint != idempotency.fingerprint:
            raise IdempotencyKeyReused(idempotency.key)
        return name or None

    async def note_upload(
        self, feed: str, name: str, idempotency: Idempotency | None
    ) -> str:
        """Unless another one was first."""
        if self.earlier:
            return self.earlier
        self.noted.append(name)
        if idempotency is not None:
            self.names[idempotency.key] = (name, idempotency.fingerprint)
        return name

    async def used_pictures(
        self, feed: str, pictures: Iterable[str], besides: str = ""
    ) -> set[str]:
        """Those that were given."""
        return set(pictures) & self.used

    async def used_elsewhere(self, pictures: Set[FeedPicture]) -> Set[FeedPicture]:
        """Those that were given, or the error."""
        if isinstance(self.elsewhere, Unavailable):
            raise self.elsewhere
        return pictures & self.elsewhere
