"""Two hubs on one Redis, as every site off the laptop has them.

Rules: everything is on Unix sockets, so that a hub that starts anew stands where the
one before stood, and nobody else can have its place meanwhile.
"""

from __future__ import annotations

import contextlib
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from tests.conftest import Server, started
from tests.waiting import wait_until

END_S = 60
PUBLIC_URL = "http://n.test"


@contextlib.contextmanager
def redis_in(folder: Path) -> Iterator[str]:
    """A Redis on a Unix socket, as deploy.md wants it; its address."""
    path = folder / "redis"
    with (folder / "redis.log").open("wb") as log:
        process = subprocess.Popen(
            ["redis-server", "--port", "0", "--unixsocket", str(path)]
            + ["--dir", str(folder), "--appendonly", "yes", "--appendfsync", "always"]
            + ["--maxmemory-policy", "noeviction", "--save", ""],
            stdout=log,
            stderr=log,
        )
    try:
        wait_until(path.exists)
        yield f"unix://{path}"
    finally:
        process.terminate()
        process.wait(END_S)


@dataclass
class Hubs:
    """Two hubs on one Redis, each on a Unix socket too, and what starts one anew."""

    folder: Path
    redis: str
    options: tuple[str, ...] = ()
    running: list[Server] = field(default_factory=list)
    _stack: contextlib.ExitStack = field(default_factory=contextlib.ExitStack)

    @property
    def urls(self) -> list[str]:
        """Where proxies find them: the same after a restart, and nobody else's."""
        return [f"unix:{self.folder}/hub{index}" for index in range(2)]

    def start(self, index: int) -> Server:
        """Start one, in the place of the one that ended."""
        server = self._stack.enter_context(
            started(
                self.folder / f"data{index}",
                *("--redis", self.redis, "--uds", f"{self.folder}/hub{index}"),
                *("--drain-s", "0.5", "--public-url", PUBLIC_URL),
                *self.options,
            )
        )
        self.running[index : index + 1] = [server]
        return server

    def close(self) -> None:
        """End both."""
        self._stack.close()


@contextlib.contextmanager
def hubs_in(folder: Path, redis: str, *options: str) -> Iterator[Hubs]:
    """Two hubs."""
    hubs = Hubs(folder, redis, options)
    try:
        hubs.start(0)
        hubs.start(1)
        yield hubs
    finally:
        hubs.close()
