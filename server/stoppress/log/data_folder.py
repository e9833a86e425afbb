"""Locks, folders and processes: what the embedded server stands on in the system."""

from __future__ import annotations

import asyncio
import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def private_folder(folder: Path, data: Path) -> None:
    """Make a runtime folder that is ours alone. Raises OSError."""
    if folder == data:
        return
    folder.mkdir(mode=0o700, exist_ok=True)
    seen = folder.lstat()
    if seen.st_uid != os.getuid() or seen.st_mode & 0o077 or not folder.is_dir():
        raise PermissionError(f"the runtime folder {folder} is not ours alone")


async def locked(lock: int, within_s: float) -> bool:
    """Whether the lock could be had in time."""
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
    """The lock of the server, to be inherited by a new one; None if one has it."""
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
    """Wait for the process to end; False at once where that can't be seen."""
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
