"""A primary with two replicas, and three Sentinels who replace it when it is lost."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import quote

from redis.exceptions import RedisError

from tests.contract.store.servers import ALWAYS, Server
from tests.ports import reserve_port
from tests.waiting import until_in_thread

NAME = "news"
"""The Sentinels' name for the primary."""
REPLICAS, SENTINELS = 2, 3
QUORUM = 2


class Sentinel(Server):
    """One Sentinel; what it knows is in its configuration file."""

    def __init__(
        self, kind: str, folder: Path, port: int, primary: int, down_ms: int
    ) -> None:
        super().__init__(kind, folder, (), port)
        self._config = folder / "sentinel.conf"
        folder.mkdir(parents=True)
        self._config.write_text(
            f"port {port}\n"
            f"dir {folder}\n"
            f"unixsocket {self.socket}\n"
            f"logfile {folder / 'log'}\n"
            f"sentinel monitor {NAME} 127.0.0.1 {primary} {QUORUM}\n"
            f"sentinel down-after-milliseconds {NAME} {down_ms}\n"
            f"sentinel failover-timeout {NAME} 6000\n"
            f"sentinel parallel-syncs {NAME} {REPLICAS}\n"
        )

    def _options(self) -> list[str]:
        return [str(self._config), "--sentinel"]

    def speak_tls(self, settings: Sequence[str]) -> None:
        """Have it speak TLS, and nothing else."""
        text = self._config.read_text().replace("port ", "port 0\ntls-port ", 1)
        pairs = zip(settings[::2], settings[1::2], strict=True)
        lines = (f"{name.removeprefix('--')} {value}\n" for name, value in pairs)
        self._config.write_text(text + "".join(lines))

    def guard(self) -> None:
        """Have it ask for the password, and give it to others."""
        with self._config.open("a") as config:
            config.write(f"sentinel auth-pass {NAME} {self.password}\n")
            config.write(f"requirepass {self.password}\n")

    def knows(self) -> bool:
        """Whether it knows everybody."""
        with self.client() as client:
            state = client.sentinel_master(NAME)
        assert isinstance(state, dict)
        return (state["num-slaves"], state["num-other-sentinels"]) == (
            REPLICAS,
            SENTINELS - 1,
        )


class Fleet:
    """Three servers and three Sentinels."""

    def __init__(
        self,
        kind: str,
        folder: Path,
        settings: Sequence[str] = ALWAYS,
        *,
        down_ms: int = 1000,
        password: str = "",
        tls: Sequence[str] = (),
    ) -> None:
        self._password = password
        if password:
            settings = (*settings, "--requirepass", password, "--masterauth", password)
        self.servers = [
            Server(kind, folder / f"server{number}", settings, reserve_port())
            for number in range(1 + REPLICAS)
        ]
        first = self.servers[0].port
        self.sentinels = [
            Sentinel(kind, folder / f"sentinel{number}", reserve_port(), first, down_ms)
            for number in range(SENTINELS)
        ]
        for one in (*self.servers, *self.sentinels):
            one.password = password
            one.tls = tls
        if tls:
            for sentinel in self.sentinels:
                sentinel.speak_tls(tls)
        if password:
            for sentinel in self.sentinels:
                sentinel.guard()

    @property
    def url(self) -> str:
        """The address of the whole."""
        hosts = ",".join(f"127.0.0.1:{one.port}" for one in self.sentinels)
        if not self._password:
            return f"redis+sentinel://{hosts}/{NAME}"
        word = quote(self._password, safe="")
        return f"redis+sentinel://:{word}@{hosts}/{NAME}?sentinel_password={word}"

    async def start(self) -> None:
        """Start all; returns when everybody knows everybody."""
        first, *others = self.servers
        await asyncio.to_thread(first.start)
        for one in others:
            await asyncio.to_thread(
                one.start, "--replicaof", "127.0.0.1", str(first.port)
            )
        await until_in_thread(lambda: all(map(follows, others)))
        for sentinel in self.sentinels:
            await asyncio.to_thread(sentinel.start)
        await until_in_thread(lambda: all(one.knows() for one in self.sentinels))

    def primaries(self) -> list[Server]:
        """Who takes itself for the primary; who does not answer is none."""
        return [one for one in self.servers if role(one) == "master"]

    async def promoted(self, but: Server) -> Server:
        """The server that becomes the primary in place of `but`."""
        found: list[Server] = []

        def there() -> bool:
            found[:] = [one for one in self.primaries() if one is not but]
            return bool(found)

        await until_in_thread(there)
        return found[0]

    def kill(self) -> None:
        """End all."""
        for one in (*self.sentinels, *self.servers):
            one.kill()


def role(server: Server) -> str:
    """What the server takes itself for; "" if it does not answer."""
    try:
        with server.client(0.3) as client:
            return str(client.info("replication")["role"])
    except RedisError:
        return ""


def primary_of(server: Server) -> int:
    """The port of the primary that it follows; 0 if none."""
    with server.client() as client:
        return int(client.info("replication").get("master_port", 0))


def follows(server: Server) -> bool:
    """Whether it is a replica, in touch with its primary."""
    with server.client() as client:
        return bool(client.info("replication").get("master_link_status") == "up")
