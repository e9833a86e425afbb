"""Files of uploaded pictures, in a folder or in an S3 bucket.

Rules:
- A file is named by its feed and its name. It is written whole or not at all.
- The folder is 0700 and its files are 0600, under any umask.
- Every call ends within CALL_TIMEOUT_S. A failure is Unavailable, and logged.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

import obstore
from obstore.exceptions import BaseError, NotFoundError
from obstore.store import LocalStore, ObjectStore, S3Store

from stoppress.domain.errors import Unavailable

CALL_TIMEOUT_S = 30.0
"""Timeout of one call, with its retries."""
BUCKET_RETRY_S = 10
BUCKET_CONNECT_S = 5
LISTED = 1000
"""Files per answer of a listing."""
FOLDER_MODE, FILE_MODE = 0o700, 0o600

log = logging.getLogger(__name__)


class ListedFile(NamedTuple):
    """A file in the listing."""

    feed: str
    name: str
    at: float
    """When it was written, in seconds since 1970."""


class MediaFiles:
    """The files in one place: a path, or `s3://bucket/prefix`."""

    def __init__(self, place: str) -> None:
        self._folder: Path | None = None
        self._place = place
        self._opened: ObjectStore | None = None
        if not place.startswith("s3://"):
            self._folder = Path(place)

    async def put(self, feed: str, name: str, data: bytes, kind: str) -> None:
        """Write a file. Raises Unavailable."""
        key = f"{feed}/{name}"
        async with _call(f"write {key}"):
            if self._folder is None:
                attributes: dict[str, str] = {"Content-Type": kind}
                await obstore.put_async(
                    self._store(), key, data, attributes=attributes, use_multipart=False
                )
                return
            folder = self._folder / feed
            folder.mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)
            await obstore.put_async(self._store(), key, data, use_multipart=False)
            (folder / name).chmod(FILE_MODE)

    async def get(self, feed: str, name: str) -> bytes | None:
        """The content of a file; None if it does not exist. Raises Unavailable."""
        key = f"{feed}/{name}"
        async with _call(f"read {key}"):
            try:
                found = await obstore.get_async(self._store(), key)
                return bytes(await found.bytes_async())
            except (NotFoundError, FileNotFoundError):
                return None

    async def remove(self, feed: str, names: Sequence[str]) -> None:
        """Remove those of the files that exist. Raises Unavailable."""
        for name in names:
            key = f"{feed}/{name}"
            async with _call(f"remove {key}"):
                try:
                    await obstore.delete_async(self._store(), key)
                except (NotFoundError, FileNotFoundError):
                    continue

    async def feeds(self) -> list[str]:
        """The feeds that have files. Raises Unavailable."""
        async with _call("list feeds"):
            found = await obstore.list_with_delimiter_async(self._store())
            return [one.strip("/") for one in found["common_prefixes"]]

    async def list(self, feed: str) -> AsyncIterator[ListedFile]:
        """The files of a feed. Raises Unavailable."""
        async with _call(f"list {feed}"):
            parts = obstore.list(self._store(), f"{feed}/", chunk_size=LISTED)
            rest = aiter(parts)
        while True:
            async with _call(f"list {feed}"):
                try:
                    part = await anext(rest)
                except StopAsyncIteration:
                    return
            for one in part:
                folder, _, name = one["path"].rpartition("/")
                yield ListedFile(folder, name, one["last_modified"].timestamp())

    def _store(self) -> ObjectStore:
        if self._opened is None:
            if self._folder is None:
                parts = urlsplit(self._place)
                self._opened = S3Store(
                    parts.netloc,
                    prefix=parts.path.strip("/") or None,
                    client_options={
                        "connect_timeout": timedelta(seconds=BUCKET_CONNECT_S),
                        "allow_http": _is_plain_http(),
                    },
                    retry_config={
                        "max_retries": 3,
                        "retry_timeout": timedelta(seconds=BUCKET_RETRY_S),
                    },
                )
            else:
                self._folder.mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)
                self._folder.chmod(FOLDER_MODE)
                self._opened = LocalStore(self._folder, automatic_cleanup=True)
        return self._opened


def _is_plain_http() -> bool:
    """Whether the bucket's address, which the operator gave, is http://."""
    names = ("AWS_ENDPOINT_URL", "AWS_ENDPOINT")
    return any(os.environ.get(name, "").startswith("http://") for name in names)


@asynccontextmanager
async def _call(what: str) -> AsyncIterator[None]:
    """One call: bounded in time; its errors become Unavailable, and are logged."""
    try:
        async with asyncio.timeout(CALL_TIMEOUT_S):
            yield
    except (BaseError, OSError, TimeoutError, ValueError) as error:
        # Only operators may see addresses and keys of the bucket.
        log.warning("media files: can't %s: %s", what, error)
        raise Unavailable("the store of pictures does not answer", 5) from error
