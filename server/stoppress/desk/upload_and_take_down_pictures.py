"""Uploads pictures, and removes those of posts that are taken down.

Rules:
- A picture belongs to the feed that it was uploaded to.
- An upload that is repeated with its Idempotency-Key stores nothing: it returns the
  picture that was stored. Its files are written before its record, so a recorded
  picture is complete; files without a record are removed with unused pictures.
- A picture of a post that is taken down is removed everywhere, unless something else
  uses it: another post of any feed, or an earlier state of one, the feed itself, a
  template, a setting. While a feed can't be read, it may use the picture.
- A picture that belongs to another feed stays: it is taken down there.
- Deleting a feed deletes its pictures, also those that other feeds show: files of a
  feed that does not exist are given to nobody.
"""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable, Iterable, Sequence, Set
from typing import BinaryIO, NamedTuple, Protocol

from msgspec import Struct

from stoppress.desk.post_ids_and_idempotency_keys import Requester
from stoppress.domain.errors import Damaged, Unavailable
from stoppress.domain.picture_address import (
    FeedPicture,
    UploadedPicture,
    Variant,
    pictures_in,
)
from stoppress.domain.store_requests_and_results import Idempotency

HASHED_BYTES = 1 << 20
USED_BY_POST = "another post uses it"
USED_ELSEWHERE = "the feed itself, another feed, a template or a setting uses it"
PERHAPS_USED = "another feed can't be read now, and may use it"
"""Why a picture is kept."""


Announce = Callable[[str], Awaitable[object]]
"""Makes every process drop its caches of a feed."""


class NewPicture(NamedTuple):
    """A picture that was just stored, and the warnings for its editor."""

    picture: UploadedPicture
    note: str = ""


class PictureLibrary(Protocol):
    """Encodes pictures and keeps their files."""

    async def add(self, feed: str, file: BinaryIO) -> NewPicture:
        """Encode the picture anew and store it.

        Raises UnfitPicture, TooMany, Unavailable.
        """

    async def file(self, feed: str, name: str) -> bytes | None:
        """A file of a picture; None if it does not exist. Raises Unavailable."""

    async def remove(self, feed: str, pictures: Iterable[str]) -> list[str]:
        """Remove pictures by id, for good; returns the names of the removed files.

        Raises Unavailable.
        """

    async def remove_feed(self, feed: str) -> bool:
        """Remove a feed's pictures; returns whether it had any. Raises Unavailable."""


class NoPictures:
    """The library of a server that stores no pictures."""

    async def add(self, feed: str, file: BinaryIO) -> NewPicture:
        """Refuse."""
        raise Unavailable("this server keeps no pictures")

    async def file(self, feed: str, name: str) -> bytes | None:
        """There is none."""
        return None

    async def remove(self, feed: str, pictures: Iterable[str]) -> list[str]:
        """There are none."""
        return []

    async def remove_feed(self, feed: str) -> bool:
        """There are none."""
        return False


class UploadStore(Protocol):
    """The store's records of uploads and of the use of pictures."""

    async def uploaded(self, feed: str, idempotency: Idempotency) -> str | None:
        """The name of the picture uploaded under this Idempotency-Key.

        Raises NotFound, IdempotencyKeyReused.
        """

    async def note_upload(
        self, feed: str, name: str, idempotency: Idempotency | None
    ) -> str:
        """Record an upload in the audit and under its key; returns the picture's name.

        The name is another one if the same upload was recorded meanwhile. Raises
        NotFound, IdempotencyKeyReused.
        """

    async def used_pictures(
        self, feed: str, pictures: Iterable[str], besides: str
    ) -> set[str]:
        """The feed's pictures that its posts besides `besides`, or their earlier
        states, use.

        Raises Unavailable.
        """

    async def used_elsewhere(self, pictures: Set[FeedPicture]) -> Set[FeedPicture]:
        """The pictures that something other than posts of their own feed uses.

        Raises Unavailable.
        """


class PictureAnswer(Struct, frozen=True, omit_defaults=True):
    """A picture as the API shows it; the last variant is the picture itself."""

    id: str
    url: str
    type: str
    width: int
    height: int
    variants: tuple[Variant, ...]
    note: str = ""


class Upload(NamedTuple):
    """The outcome of an upload. `repeated`: the same key was used before."""

    picture: UploadedPicture
    note: str = ""
    repeated: bool = False

    def shown(self, base: str) -> PictureAnswer:
        """The picture as the API shows it; `base` is the site's address."""
        picture = self.picture
        return PictureAnswer(
            id=picture.id,
            url=f"{base}{picture.path}",
            type=picture.type,
            width=picture.width,
            height=picture.height,
            variants=picture.variants(base),
            note=self.note,
        )


class RemovedPicture(Struct, frozen=True, omit_defaults=True):
    """What a takedown did to one picture, for the receipt."""

    id: str
    at: str | None = None
    addresses: tuple[str, ...] = ()
    """The paths of the removed files, below the site's address."""
    kept: str = ""
    """Why the picture is kept."""


class PictureDesk:
    """Uploads pictures. The caller checks authorization before."""

    def __init__(
        self,
        store: UploadStore | None,
        library: PictureLibrary,
        announce: Announce | None = None,
    ) -> None:
        self._uploads = store
        self._announce = announce
        self._library = library

    @property
    def _store(self) -> UploadStore:
        if self._uploads is None:
            raise Unavailable("this server keeps no pictures")
        return self._uploads

    async def file(self, feed: str, name: str) -> bytes | None:
        """A file of a picture; None if it does not exist. Raises Unavailable."""
        return await self._library.file(feed, name)

    async def remove_feed(self, feed: str) -> None:
        """Remove all pictures of a feed that was deleted. Raises Unavailable."""
        if await self._library.remove_feed(feed) and self._announce is not None:
            # Drop the processes' caches too: a new feed of that name must not have
            # them.
            await self._announce(feed)

    async def upload(self, feed: str, file: BinaryIO, requester: Requester) -> Upload:
        """Store the picture in `file`.

        Raises NotFound, UnfitPicture, TooMany, IdempotencyKeyReused.
        """
        idempotency = _idempotency(feed, file, requester)
        if idempotency is not None:
            known = await self._store.uploaded(feed, idempotency)
            if known is not None:
                return Upload(_picture(feed, known), repeated=True)
        made, note = await self._library.add(feed, file)
        noted = await self._store.note_upload(feed, made.name, idempotency)
        if noted != made.name:
            # The same upload came twice at once: the other one was recorded.
            await self._library.remove(feed, [made.id])
            return Upload(_picture(feed, noted), repeated=True)
        return Upload(made, note)

    async def remove_from(
        self, feed: str, post: str, bodies: Sequence[bytes], at: str
    ) -> tuple[RemovedPicture, ...]:
        """Remove the pictures that only this withdrawn post uses."""
        every = pictures_in(bodies)
        if not every or self._uploads is None:
            return ()
        named = {one.id for one in every if one.feed == feed}
        kept = {
            one.id: f"it belongs to the feed {one.feed!r}"
            for one in every
            if one.feed != feed
        }
        # The long search first: what posts of the feed use is looked up just before.
        kept |= await self._used_elsewhere(feed, named)
        for one in await self._store.used_pictures(feed, named, post):
            kept[one] = USED_BY_POST
        unused = sorted(named - kept.keys())
        files = await self._library.remove(feed, unused)
        addresses = {
            picture.id: picture.addresses
            for name in files
            if (picture := UploadedPicture.of(feed, name)) is not None
        }
        removed = [RemovedPicture(one, at, addresses.get(one, ())) for one in unused]
        stay = [RemovedPicture(one, kept=why) for one, why in sorted(kept.items())]
        return (*removed, *stay)

    async def _used_elsewhere(self, feed: str, pictures: Set[str]) -> dict[str, str]:
        """Those that more than the feed's posts use, each with the reason."""
        if not pictures:
            return {}
        try:
            used = await self._store.used_elsewhere(
                {FeedPicture(feed, one) for one in pictures}
            )
        except Damaged:
            return dict.fromkeys(pictures, PERHAPS_USED)
        return {one.id: USED_ELSEWHERE for one in used}


def _picture(feed: str, name: str) -> UploadedPicture:
    picture = UploadedPicture.of(feed, name)
    if picture is None:
        raise Unavailable("the record of an upload is damaged")
    return picture


def _idempotency(feed: str, file: BinaryIO, requester: Requester) -> Idempotency | None:
    """The key with a digest of the file; None without a key."""
    if requester.idempotency_key is None:
        return None
    digest = hashlib.blake2b(f"POST /v1/feeds/{feed}/media\n".encode(), digest_size=16)
    file.seek(0)
    while part := file.read(HASHED_BYTES):
        digest.update(part)
    return Idempotency(requester.owner, requester.idempotency_key, digest.hexdigest())
