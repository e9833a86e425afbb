"""Pictures are kept under names of their own, and read once for many."""

from __future__ import annotations

import asyncio
import io
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO

import pytest

from stoppress.domain.errors import Unavailable
from stoppress.domain.picture_address import picture_of_file
from stoppress.media.picture_encoder_output import EncodedFile, EncodedPicture
from stoppress.media.picture_files_in_folder_or_s3 import MediaFiles
from stoppress.media.picture_library import Pictures, new_picture_id
from stoppress.media.run_encoder_processes import EncodedFiles, PictureEncoder

pytestmark = pytest.mark.asyncio


class Encoder(PictureEncoder):
    """Makes two files without a process."""

    async def encode(self, file: BinaryIO) -> EncodedFiles:
        """What the file says, twice."""
        data = file.read()
        files = [
            EncodedFile(width, kind, 1) for width, kind in ((480, "webp"), (900, "jpg"))
        ]
        return EncodedFiles(
            EncodedPicture(900, 600, tuple(files), "n"), (data, data * 2)
        )


class Files(MediaFiles):
    """Counts reads, which wait, and may fail."""

    reads = 0
    fails = False

    async def get(self, feed: str, name: str) -> bytes | None:
        """After a moment."""
        self.reads += 1
        await asyncio.sleep(0.01)
        if self.fails:
            raise Unavailable("away")
        return await super().get(feed, name)

    async def remove(self, feed: str, names: Sequence[str]) -> None:
        """As always."""
        await super().remove(feed, names)


def library(tmp_path: Path, cache: int = 1 << 20) -> tuple[Pictures, Files]:
    """An empty one."""
    files = Files(str(tmp_path / "media"))
    return Pictures(Encoder(1), files, cache_bytes=cache), files


async def test_a_picture_is_kept_and_removed(tmp_path: Path) -> None:
    """With its variant; another feed's is not touched."""
    pictures, files = library(tmp_path)
    made, note = await pictures.add("quay", io.BytesIO(b"x"))
    other, _ = await pictures.add("pier", io.BytesIO(b"y"))
    assert (made.width, made.ending, note) == (900, "jpg", "n")
    assert await pictures.file("quay", made.name) == b"xx"
    assert await pictures.file("quay", f"{made.id}-480.webp") == b"x"
    assert await pictures.file("quay", f"{made.id}-960.webp") is None
    assert await pictures.file("quay", "../pier") is None
    removed = await pictures.remove("quay", [made.id])
    assert sorted(removed) == sorted([made.name, f"{made.id}-480.webp"])
    assert await pictures.file("quay", made.name) is None
    assert await pictures.remove("quay", []) == []
    assert await pictures.file("pier", other.name) == b"yy"
    assert await pictures.remove_feed("pier") and not await pictures.remove_feed("pier")
    assert await pictures.file("pier", other.name) is None
    await pictures.stop()


async def test_many_who_ask_at_once_cost_one_read(tmp_path: Path) -> None:
    """One of them leaves; later ones cost none, until it is forgotten."""
    pictures, files = library(tmp_path)
    made, _ = await pictures.add("quay", io.BytesIO(b"x"))
    asked = [asyncio.create_task(pictures.file("quay", made.name)) for _ in range(9)]
    await asyncio.sleep(0)
    asked.pop().cancel()
    assert await asyncio.gather(*asked) == [b"xx"] * 8
    assert await pictures.file("quay", made.name) == b"xx" and files.reads == 1
    pictures.forget("pier")
    assert await pictures.file("quay", made.name) and files.reads == 1
    pictures.forget("quay")
    assert await pictures.file("quay", made.name) and files.reads == 2
    pictures.forget(None)
    reading = asyncio.create_task(pictures.file("quay", made.name))
    await asyncio.sleep(0)
    pictures.forget("quay")  # what is being read is not kept
    assert await reading == b"xx"
    assert await pictures.file("quay", made.name) and files.reads == 4
    await pictures.stop()


async def test_memory_is_bounded(tmp_path: Path) -> None:
    """The least recently used file goes; a large one is not kept at all."""
    pictures, files = library(tmp_path, cache=1000)
    names = [
        (await pictures.add("quay", io.BytesIO(b"x" * 100)))[0].name for _ in range(9)
    ]
    for name in names:
        await pictures.file("quay", name)
    assert pictures._size == sum(map(len, pictures._cached.values())) <= 1000
    large, _ = await pictures.add("quay", io.BytesIO(b"x" * 400))
    await pictures.file("quay", large.name)
    assert ("quay", large.name) not in pictures._cached
    await pictures.stop()


async def test_a_failed_read_is_tried_again(tmp_path: Path) -> None:
    """Each who waited is told."""
    pictures, files = library(tmp_path)
    made, _ = await pictures.add("quay", io.BytesIO(b"x"))
    files.fails = True
    with pytest.raises(Unavailable):
        await pictures.file("quay", made.name)
    files.fails = False
    assert await pictures.file("quay", made.name) == b"xx"
    reading = asyncio.create_task(pictures.file("quay", f"{made.id}-480.webp"))
    await asyncio.sleep(0)
    await pictures.stop()
    with pytest.raises(asyncio.CancelledError):
        await reading


async def test_ids_are_of_the_right_form() -> None:
    """And each is another."""
    ids = {new_picture_id() for _ in range(100)}
    assert len(ids) == 100
    assert all(picture_of_file(f"{one}-480.webp") == one for one in ids)
