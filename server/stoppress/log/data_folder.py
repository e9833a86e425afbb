"""The embedded server's data folder: its permissions, its lock, its process.

Its files contain posts of private feeds, so the folder is 0700 and its files are 0600,
under any umask.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PRIVATE_UMASK = 0o077


STORE_FILES = ("lock", "valkey.*", "*.rdb", "*.aof", "appendonlydir")
"""The files of a store in its folder; other files keep their permissions."""


def make_private(data: Path) -> None:
    """Create the data folder, and remove other users' rights to it and to the store in
    it.

    Raises OSError.
    """
    data.mkdir(mode=0o700, parents=True, exist_ok=True)
    # The folder first, so that nobody can open the files inside meanwhile.
    _close(data.resolve(), 0o700)
    for pattern in STORE_FILES:
        for path in data.glob(pattern):
            _close(path, 0o700 if path.is_dir() else 0o600)
            for inner in path.rglob("*"):
                _close(inner, 0o700 if inner.is_dir() else 0o600)


def _close(path: Path, mode: int) -> None:
    """Remove the rights of group and others. Raises OSError if that fails."""
    try:
        seen = path.lstat()
        # A link may lead out of the folder, to a file that others may read.
        if stat.S_ISLNK(seen.st_mode) or not seen.st_mode & 0o077:
            return
        path.chmod(seen.st_mode & mode & 0o700)
    except FileNotFoundError:
        return  # the store has just replaced the file


def private_folder(folder: Path, data: Path) -> None:
    """Make a runtime folder that only this user can use. Raises OSError."""
    if folder == data:
        return
    folder.mkdir(mode=0o700, exist_ok=True)
    seen = folder.lstat()
    if seen.st_uid != os.getuid() or seen.st_mode & 0o077 or not folder.is_dir():
        raise PermissionError(f"other users may use the runtime folder {folder}")


async def locked(lock: int, within_s: float) -> bool:
    """Whether the lock was acquired in time."""
    deadline = asyncio.get_running_loop().time() + within_s
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        except BlockingIOError:
            if asyncio.get_running_loop().time() >= deadline:
                return False
        await asyncio.sleep(0.05)


@contextmanager
def held(path: Path) -> Iterator[int | None]:
    """The server's lock, for a new server to inherit; None if another holds it."""
    lock = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield None
            return
        yield lock
    finally:
        os.close(lock)


async def seen_ending(pid: int) -> bool:
    """Wait for the process to end; returns False at once if waiting is impossible."""
    if not hasattr(os, "pidfd_open"):
        return False
    try:
        handle = os.pidfd_open(pid)
    except OSError:
        return False
    loop = asyncio.get_running_loop()
    ended = asyncio.Event()
    loop.add_reader(handle, ended.set)
    try:
        await ended.wait()
    finally:
        loop.remove_reader(handle)
        os.close(handle)
    return True
