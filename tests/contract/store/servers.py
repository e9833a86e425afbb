"""Real servers for the contract suite: Valkey from the wheel, redis-server from PATH.

On a Unix socket in a temporary folder; ended by process, never by name.
"""

from __future__ import annotations

import asyncio
import shutil
import signal
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry

from stoppress.log.embedded_valkey_server import find_server

ALWAYS = ("--appendonly", "yes", "--appendfsync", "always", "--save", "")
EVERYSEC = ("--appendonly", "yes", "--appendfsync", "everysec", "--save", "")
SAVE_POINTS = ("--appendonly", "no", "--save", "3600 1")
START_S = 60.0


def binary(kind: str) -> str:
    """The server of that kind. Raises LookupError, saying what to install."""
    if kind == "valkey":
        return find_server()
    found = shutil.which("redis-server")
    if found is None:
        raise LookupError(
            "redis-server is not installed; install it (apt-get install redis-server)"
        )
    return found


class Server:
    """One server on a socket of its own."""

    def __init__(
        self, kind: str, folder: Path, settings: Sequence[str] = ALWAYS, port: int = 0
    ) -> None:
        self.kind = kind
        self.folder = folder
        self.settings = tuple(settings)
        self.port = port
        self.socket = folder / "s"
        self.password = ""
        """What it asks for, if anything."""
        self.tls: Sequence[str] = ()
        """Its settings of TLS, which it then speaks at its port, and nothing else."""
        self._process: subprocess.Popen[bytes] | None = None
        self._is_frozen = False

    @property
    def url(self) -> str:
        """Its address."""
        return f"unix://{self.socket}"

    def start(self, *more: str) -> None:
        """Start it on whatever its folder holds; returns when it answers."""
        self.folder.mkdir(parents=True, exist_ok=True)
        self._process = subprocess.Popen(
            [binary(self.kind), *self._options(), *self.settings, *more],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
        )
        deadline = time.monotonic() + START_S
        while True:
            try:
                with self.client() as client:
                    client.ping()
                return
            except RedisError:
                if time.monotonic() > deadline or self._process.poll() is not None:
                    raise
            time.sleep(0.005)

    def _options(self) -> list[str]:
        # fmt: off
        return [
            *self._ports(), "--dir", str(self.folder),
            "--unixsocket", str(self.socket), "--logfile", "log",
            "--repl-diskless-sync-delay", "0",
        ]
        # fmt: on

    def _ports(self) -> list[str]:
        if not self.tls:
            return ["--port", str(self.port)]
        return ["--port", "0", "--tls-port", str(self.port), *self.tls]

    def client(self, timeout_s: float = 60) -> Redis:
        """A plain client, to look behind the curtain."""
        return Redis(
            unix_socket_path=str(self.socket),
            password=self.password or None,
            protocol=2,
            retry=Retry(NoBackoff(), 0),
            socket_timeout=timeout_s,
        )

    async def restart(self, settings: Sequence[str] = ()) -> None:
        """kill -9, and start on what is there; the loop sees its lines end."""
        if settings:
            self.settings = tuple(settings)
        await asyncio.to_thread(self.kill)
        await asyncio.to_thread(self.start)

    def kill(self) -> None:
        """As the power would: kill -9."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        """Ask it to end."""
        self._end(signal.SIGTERM)

    def is_answering(self) -> bool:
        """Whether it runs, and was not told to hang."""
        return self._process is not None and not self._is_frozen

    def freeze(self) -> None:
        """It hangs: nothing is answered, nothing is closed."""
        assert self._process is not None
        self._is_frozen = True
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """It goes on."""
        assert self._process is not None
        self._is_frozen = False
        self._process.send_signal(signal.SIGCONT)

    def _end(self, how: signal.Signals) -> None:
        if self._process is not None:
            self._process.send_signal(signal.SIGCONT)
            self._process.send_signal(how)
            self._process.wait(timeout=60)
            self._process = None
            self._is_frozen = False
