"""Locks, folders and processes that the embedded server stands on."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from pathlib import Path

import pytest

from stoppress.log.data_folder import (
    held,
    locked,
    make_private,
    private_folder,
    seen_ending,
)


def test_a_runtime_folder_is_ours_alone(tmp_path: Path) -> None:
    """It is made so, and used again."""
    folder = tmp_path / "run"
    private_folder(folder, tmp_path / "data")
    private_folder(folder, tmp_path / "data")
    assert folder.stat().st_mode & 0o777 == 0o700


def modes(folder: Path) -> dict[str, int]:
    """The rights of all in a folder."""
    found = (folder, *folder.rglob("*"))
    return {
        one.relative_to(folder).as_posix(): one.stat().st_mode & 0o777 for one in found
    }


def test_a_data_folder_is_made_private(tmp_path: Path) -> None:
    """Whatever the umask."""
    before = os.umask(0)
    try:
        make_private(tmp_path / "a" / "data")
    finally:
        os.umask(before)
    assert modes(tmp_path / "a" / "data") == {".": 0o700}


def test_an_open_data_folder_is_closed(tmp_path: Path) -> None:
    """With the store's files, not with what else a chosen folder holds."""
    data, elsewhere = tmp_path / "data", tmp_path / "elsewhere"
    log = data / "appendonlydir" / "appendonly.aof.1.incr.aof"
    log.parent.mkdir(parents=True)
    for path in (log, data / "valkey.log", data / "lock", data / "mine.sh", elsewhere):
        path.write_text("text")
        path.chmod(0o755)
    (data / "valkey.lock").symlink_to(elsewhere)
    data.chmod(0o755)
    make_private(data)
    assert modes(data) == {
        ".": 0o700,
        "appendonlydir": 0o700,
        "appendonlydir/appendonly.aof.1.incr.aof": 0o600,
        "valkey.log": 0o600,
        "lock": 0o600,
        "valkey.lock": 0o755,
        "mine.sh": 0o755,
    }
    link = tmp_path / "link"
    link.symlink_to(data)
    data.chmod(0o755)
    make_private(link)
    assert modes(data)["."] == 0o700


def test_the_data_folder_itself_is_no_runtime_folder(tmp_path: Path) -> None:
    """Its rights are for `make_private` to set."""
    tmp_path.chmod(0o755)
    private_folder(tmp_path, tmp_path)
    assert tmp_path.stat().st_mode & 0o777 == 0o755


def test_a_folder_that_others_may_enter_is_refused(tmp_path: Path) -> None:
    """So is what only looks like a folder: a link leads wherever its maker wants."""
    folder = tmp_path / "run"
    folder.mkdir(mode=0o755)
    with pytest.raises(PermissionError, match="other users may use"):
        private_folder(folder, tmp_path / "data")
    link = tmp_path / "link"
    link.symlink_to(folder)
    with pytest.raises(PermissionError):
        private_folder(link, tmp_path / "data")


def test_a_lock_is_had_by_one(tmp_path: Path) -> None:
    """And is free when it is given back."""
    path = tmp_path / "lock"
    with held(path) as first:
        assert first is not None
        with held(path) as second:
            assert second is None
    with held(path) as third:
        assert third is not None


@pytest.mark.asyncio
async def test_a_lock_is_waited_for(tmp_path: Path) -> None:
    """Within bounds: who gives it back in time lets the other in."""
    path = tmp_path / "lock"
    ours = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        with held(path) as theirs:
            assert theirs is not None
            assert not await locked(ours, 0.0)
            waiting = asyncio.create_task(locked(ours, 30.0))
            await asyncio.sleep(0)
            assert not waiting.done()
        assert await waiting
    finally:
        os.close(ours)


@pytest.mark.skipif(not hasattr(os, "pidfd_open"), reason="needs pidfd")
@pytest.mark.asyncio
async def test_the_end_of_a_process_is_seen() -> None:
    """Also of another process's; one that has ended is not found."""
    command = [sys.executable, "-c", "import sys; sys.stdin.read()"]
    with subprocess.Popen(command, stdin=subprocess.PIPE) as process:  # noqa: ASYNC220
        assert process.stdin is not None
        seeing = asyncio.create_task(seen_ending(process.pid))
        await asyncio.sleep(0)
        assert not seeing.done()
        process.stdin.close()
        async with asyncio.timeout(60):
            assert await seeing
        process.wait(60)
    assert not await seen_ending(process.pid)


@pytest.mark.asyncio
async def test_waiting_without_pidfds_returns_false(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The caller looks now and then instead."""
    monkeypatch.delattr(os, "pidfd_open", raising=False)
    assert not await seen_ending(os.getpid())
