"""The pictures of one server: encoded at their upload, stored, and read for readers.

Rules:
- Recently read files are cached, up to CACHE_BYTES; concurrent requests for one file
  share one read.
- A takedown removes the files first; then every process drops its cache (`forget`), so
  that no process reads them again.
"""

from __future__ import annotations

import asyncio
import secrets
from collections import OrderedDict
from collections.abc import Iterable
from typing import BinaryIO

from stoppress.desk.upload_and_take_down_pictures import NewPicture
from stoppress.domain.picture_address import (
    ID_DIGITS,
    ID_LENGTH,
    ID_LETTER,
    TYPES,
    UploadedPicture,
    picture_of_file,
    variant_name,
)
from stoppress.media.picture_files_in_folder_or_s3 import MediaFiles
from stoppress.media.run_encoder_processes import PictureEncoder, PictureMetrics

CACHE_BYTES = 32 << 20
"""Files in memory, per process: some hundred pictures of a column's width."""


class Pictures:
    """Stores pictures; `desk.pictures.PictureLibrary`."""

    def __init__(
        self,
        encoder: PictureEncoder,
        files: MediaFiles,
        metrics: PictureMetrics | None = None,
        cache_bytes: int = CACHE_BYTES,
    ) -> None:
        self._encoder = encoder
        self.files = files
        self._metrics = metrics or PictureMetrics()
        self._cache_bytes = cache_bytes
        self._cached: OrderedDict[tuple[str, str], bytes] = OrderedDict()
        self._size = 0
        self._reading: dict[tuple[str, str], asyncio.Future[bytes | None]] = {}

    async def add(self, feed: str, file: BinaryIO) -> NewPicture:
        """Encode the picture anew and store it.

        Raises UnfitPicture, TooMany, Unavailable.
        """
        encoded, parts = await self._encoder.encode(file)
        ending = encoded.files[-1].ending
        name = new_picture_id()
        picture = UploadedPicture(feed, name, encoded.width, encoded.height, ending)
        *variants, _ = encoded.files
        names = [variant_name(name, one.width) for one in variants]
        for one, data in zip((*names, picture.name), parts, strict=True):
            kind = TYPES[one.rpartition(".")[2]]
            await self.files.put(feed, one, data, kind)
        return NewPicture(picture, encoded.note)

    async def file(self, feed: str, name: str) -> bytes | None:
        """A file of a picture; None if it does not exist. Raises Unavailable."""
        if picture_of_file(name) is None:
            return None
        key = (feed, name)
        data = self._cached.get(key)
        if data is not None:
            self._cached.move_to_end(key)
            return data
        reading = self._reading.get(key)
        if reading is None:
            reading = asyncio.ensure_future(self._read(key))
            self._reading[key] = reading
            reading.add_done_callback(lambda done: self._was_read(key, done))
        # A client that leaves does not end the read for the others.
        return await asyncio.shield(reading)

    async def remove(self, feed: str, pictures: Iterable[str]) -> list[str]:
        """Remove pictures by id; returns the files' names. Raises Unavailable."""
        wanted = set(pictures)
        if not wanted:
            return []
        found = [
            one.name
            async for one in self.files.list(feed)
            if picture_of_file(one.name) in wanted
        ]
        await self.files.remove(feed, found)
        self.forget(feed)
        self._metrics.removed.add(len(wanted))
        return found

    async def remove_feed(self, feed: str) -> bool:
        """Remove a feed's pictures; returns whether it had any. Raises Unavailable."""
        found = [one.name async for one in self.files.list(feed)]
        await self.files.remove(feed, found)
        self.forget(feed)
        return bool(found)

    def forget(self, feed: str | None) -> None:
        """Drop the cached files of a feed (None: of all)."""
        for key in list(self._cached):
            if feed in (None, key[0]):
                self._size -= len(self._cached.pop(key))
        for key in list(self._reading):
            if feed in (None, key[0]):
                # Waiting requests still get the file; it is not cached.
                del self._reading[key]

    async def stop(self) -> None:
        """Stop the encoder."""
        self._encoder.close()
        readings = list(self._reading.values())
        for reading in readings:
            reading.cancel()
        await asyncio.gather(*readings, return_exceptions=True)

    async def _read(self, key: tuple[str, str]) -> bytes | None:
        return await self.files.get(*key)

    def _was_read(
        self, key: tuple[str, str], done: asyncio.Future[bytes | None]
    ) -> None:
        if self._reading.get(key) is not done:
            if not done.cancelled():
                done.exception()  # seen
            return
        del self._reading[key]
        if done.cancelled() or done.exception() is not None:
            return
        data = done.result()
        if data is None or len(data) > self._cache_bytes // 4:
            return
        self._cached[key] = data
        self._size += len(data)
        while self._size > self._cache_bytes:
            self._size -= len(self._cached.popitem(last=False)[1])


def new_picture_id() -> str:
    """An id that nobody can guess: 80 bits."""
    digits = (secrets.choice(ID_DIGITS) for _ in range(ID_LENGTH - 1))
    return ID_LETTER + "".join(digits)
