"""Where a measurement takes place: which core is whose, and a server on its own.

Rules: the server, with its store, has the first core of this machine, loaders the
last one (with a single core there is nothing to divide). Every process that is
started here is gone at the end; what it wrote is told when it did not start.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

from stoppress.bench import process_stats
from stoppress.bench.requests_per_server_kind import ServerKind
from stoppress.bench.run_plan_and_result import BenchFailed, RunPlan

TOKEN = "sp_bench-bench-bench-bench"
START_S = 60.0
END_S = 60.0


class Command(NamedTuple):
    """How a server is started."""

    words: Sequence[str]
    environ: Mapping[str, str]
    hub_port: int = 0
    """Of our server behind a proxy, which has the port that is asked for."""


class Stage(NamedTuple):
    """A server that runs, and what there is to know of it."""

    target: ServerKind
    port: int
    size: int
    """Bytes of a post's text."""
    tls: bool = False
    hub_port: int = 0
    """As in Command."""

    @property
    def url(self) -> str:
        """Where it is."""
        return f"{'https' if self.tls else 'http'}://127.0.0.1:{self.port}"

    @property
    def pids(self) -> list[int]:
        """The processes that serve."""
        ports = (self.port, self.hub_port) if self.hub_port else (self.port,)
        return process_stats.serving(*ports)

    def plan(self, readers: int, posts: int, **others: object) -> RunPlan:
        """A plan for this server."""
        token = TOKEN if self.target.is_ours else ""
        plan = RunPlan(self.target, self.url, token, "bench", readers, posts)
        plan = plan._replace(size=self.size, tls=self.tls, hub_port=self.hub_port)
        return plan._replace(**others)  # type: ignore[arg-type]  # fields of Plan


def cores() -> tuple[int, int]:
    """The server's core, and the loaders'."""
    allowed = sorted(os.sched_getaffinity(0))
    return allowed[0], allowed[-1]


@contextmanager
def loader_core() -> Iterator[int]:
    """Stay on the loaders' core until the end of the block; yields the server's."""
    allowed = os.sched_getaffinity(0)
    theirs, ours = cores()
    os.sched_setaffinity(0, {ours})
    try:
        yield theirs
    finally:
        os.sched_setaffinity(0, allowed)


@contextmanager
def folder() -> Iterator[Path]:
    """A folder for one server's files."""
    name = tempfile.mkdtemp(prefix="stop-press-bench-")
    try:
        yield Path(name)
    finally:
        shutil.rmtree(name, ignore_errors=True)


@contextmanager
def running(command: Command, port: int, place: Path, core: int) -> Iterator[None]:
    """The server, on its core, until the end of the block."""
    log = place / "log"
    with log.open("wb") as out:
        process = subprocess.Popen(
            ["taskset", "-c", str(core), *command.words],
            env={**_environ(), **command.environ},
            stdout=out,
            stderr=out,
            start_new_session=True,
        )
    try:
        _wait_for(port, process, log)
        yield
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(END_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        # A peer that had to be killed leaves what it had started: its Redis.
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)


def _environ() -> dict[str, str]:
    return {k: v for k, v in os.environ.items() if not k.startswith("STOPPRESS_")}


def _wait_for(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    until = time.monotonic() + START_S
    while time.monotonic() < until and process.poll() is None:
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.05)
    raise BenchFailed(log.read_text()[-2000:] or "the server did not start")
