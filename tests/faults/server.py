"""A real `stoppress serve` with its own Valkey, to be killed and started again.

Rules: every process is known by its id and is gone at the end, also on failure;
the port and the data folder stay the same over all starts.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import httpx

from stoppress.domain.fold import Json
from tests.certificates import for_this_machine, trust_here
from tests.faults.reader import Dialled
from tests.plain_http import PLAIN
from tests.ports import reserve_port

ADMIN = "sp_the-admin-of-the-fault-tests"
ROOT = Path(__file__).resolve().parents[2]
START_S = 120.0
"""On a machine that others use too; a start takes a second."""
STOP_S = 60.0
PORT_TAKEN = 2
"""The exit code of a server that can't start here and now."""


class Server:
    """One server over several lives."""

    def __init__(
        self,
        data: Path,
        *options: str,
        settings: Mapping[str, str] | None = None,
        core: int | None = None,
        package: Path = ROOT / "server",
        tls: bool = False,
    ) -> None:
        self.package = package
        """Where the package is that the next start runs."""
        self.port = reserve_port()
        self.url = f"http{'s' if tls else ''}://127.0.0.1:{self.port}"
        self.ends: list[tuple[str, float]] = []
        """What was ended, and how many seconds until it served again."""
        self._data = data
        self._log = data / "server.log"
        self._options = options
        if tls:
            cert, key = for_this_machine()
            self._options += ("--tls-cert", str(cert), "--tls-key", str(key))
            trust_here(PLAIN)
        self._core = core
        self._settings = dict(settings or {})
        self._process: asyncio.subprocess.Process | None = None
        self._seen: dict[int, str] = {}

    async def start(self) -> None:
        """Start, and wait until it serves; one that is in its way may still end."""
        environ = {
            **{k: v for k, v in os.environ.items() if not k.startswith("STOPPRESS_")},
            "PYTHONPATH": str(self.package),
            "STOPPRESS_ADMIN_TOKEN": ADMIN,
            # A hundred readers and their editors are one address here.
            "STOPPRESS_LIMITS": "off",
            **self._settings,
        }
        command = [sys.executable, "-m", "stoppress", "serve"]
        command += ["--port", str(self.port), "--data", str(self._data / "data")]
        command += self._options
        if self._core is not None and hasattr(os, "sched_setaffinity"):
            command = ["taskset", "-c", str(self._core), *command]
        async with asyncio.timeout(START_S):
            while True:
                with self._log.open("ab") as log:
                    self._process = await asyncio.create_subprocess_exec(
                        *command, env=environ, stdout=log, stderr=log
                    )
                if await self._is_up(self._process):
                    return
                if self._process.returncode != PORT_TAKEN:
                    raise RuntimeError(f"it did not start:\n{self.log_tail()}")
                await asyncio.sleep(0.1)

    async def _is_up(self, process: asyncio.subprocess.Process) -> bool:
        async with httpx.AsyncClient(
            verify=PLAIN, base_url=self.url, trust_env=False
        ) as client:
            while process.returncode is None:
                try:
                    answer = await client.get("/readyz", timeout=5.0)
                    if answer.status_code == 200:
                        self.pids()
                        return True
                except httpx.HTTPError:
                    pass
                await asyncio.sleep(0.02)
        return False

    async def ended(self) -> int:
        """Wait for the end of the parent process; its exit code."""
        assert self._process is not None
        async with asyncio.timeout(STOP_S):
            return await self._process.wait()

    @property
    def pid(self) -> int:
        """The parent process."""
        assert self._process is not None
        return self._process.pid

    def pids(self) -> dict[int, str]:
        """Every process of this server: its id and its command line."""
        found = _tree(self.pid)
        self._seen |= found
        return found

    def workers(self) -> list[int]:
        """The processes that serve."""
        return [pid for pid, line in self.pids().items() if _is_worker(line)]

    def valkey(self) -> list[int]:
        """The embedded Valkey, under any parent."""
        self.pids()
        data = str(self._data)
        return [
            pid
            for pid in map(int, filter(str.isdigit, os.listdir("/proc")))
            if _is_store(line := _command(pid)) and data in line + _cwd(pid)
        ]

    def kill(self, pid: int, how: signal.Signals = signal.SIGKILL) -> None:
        """End one process."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, how)

    async def stop(self) -> None:
        """End every process, in order if it can be had."""
        if self._process is None:
            return
        self.pids()
        if self._process.returncode is None:
            self._process.terminate()
            try:
                await self.ended()
            except TimeoutError:
                self._process.kill()
                await self._process.wait()
        for pid, line in self._seen.items():
            if _command(pid) == line:
                self.kill(pid)
        for pid in self.valkey():
            self.kill(pid)

    def log_tail(self, lines: int = 30) -> str:
        """The last of what it wrote."""
        return "\n".join(self._log.read_text().splitlines()[-lines:])


class RealSite:
    """A server's lines and snapshots, over loopback."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._client = httpx.AsyncClient(
            verify=PLAIN, base_url=server.url, timeout=60.0, trust_env=False
        )

    async def dial(self) -> Dialled:
        return await asyncio.open_connection("127.0.0.1", self._server.port)

    async def get(self, path: str) -> tuple[int, Json]:
        try:
            answer = await self._client.get(path)
            return answer.status_code, answer.json()
        except (httpx.HTTPError, ValueError) as error:
            raise OSError(str(error)) from error

    def gone(self, feed: str) -> frozenset[str]:
        """Nobody knows here what each process has heard of yet."""
        return frozenset()

    async def close(self) -> None:
        """End the connections."""
        await self._client.aclose()


@asynccontextmanager
async def serving(
    data: Path,
    *options: str,
    settings: Mapping[str, str] | None = None,
    core: int | None = None,
    package: Path = ROOT / "server",
    tls: bool = False,
) -> AsyncIterator[Server]:
    """A server that is gone afterwards, with all its processes."""
    server = Server(
        data, *options, settings=settings, core=core, package=package, tls=tls
    )
    try:
        await server.start()
        yield server
    finally:
        await server.stop()


def _tree(pid: int) -> dict[int, str]:
    found = {pid: _command(pid)}
    try:
        with open(f"/proc/{pid}/task/{pid}/children") as file:
            children = [int(child) for child in file.read().split()]
    except OSError:
        children = []
    for child in children:
        found |= _tree(child)
    return found


def _command(pid: int) -> str:
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as file:
            return file.read().replace(b"\0", b" ").decode(errors="replace")
    except OSError:
        return ""


def _cwd(pid: int) -> str:
    try:
        return os.readlink(f"/proc/{pid}/cwd")
    except OSError:
        return ""


def _is_store(command: str) -> bool:
    return "valkey-server" in command or "redis-server" in command


def _is_worker(command: str) -> bool:
    return " stoppress.process.worker " in command
