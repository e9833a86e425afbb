"""TLS to one Redis, to whom Sentinels name, and to a cluster's servers.

The authority is made here, for this machine alone. Debian's Redis speaks TLS; the
Valkey of the wheel does not.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import NamedTuple

import pytest
import trustme

from stoppress.domain.errors import Unavailable
from stoppress.log import redis_user_rights
from stoppress.log.connect import reach
from stoppress.log.shard_pools import Shards
from stoppress.log.store import RedisStore
from stoppress.settings import Settings
from tests.contract.store.clusters import Cluster
from tests.contract.store.fleets import Fleet
from tests.contract.store.following import Counts, following, up
from tests.contract.store.news import AT, FEED, settled
from tests.contract.store.servers import Server
from tests.contract.store.sinks import Recorder
from tests.ports import reserve_port

pytestmark = pytest.mark.asyncio

KIND = "redis"


NO_PAPERS = "no TLS with Redis: .*CERTIFICATE|Redis is away"
"""In TLS 1.3 a server asks for ours after the handshake (RFC 8446, 4.3.2): it says what
is missing, and hangs up; which of the two is seen first is chance."""


class Papers(NamedTuple):
    """An authority, and a certificate for this machine, as files."""

    authority: Path
    chain: Path
    key: Path

    @property
    def settings(self) -> tuple[str, ...]:
        """What a server needs that shows it, and asks nobody else for one."""
        # fmt: off
        return (
            "--tls-ca-cert-file", str(self.authority),
            "--tls-cert-file", str(self.chain), "--tls-key-file", str(self.key),
            "--tls-auth-clients", "no", "--tls-replication", "yes",
        )
        # fmt: on

    def known_to(self, url: str) -> str:
        """The address, for who trusts the authority."""
        secure = url.replace("redis", "rediss", 1)
        return f"{secure}?ssl_ca_certs={self.authority}"


def papers(folder: Path) -> Papers:
    """New ones."""
    folder.mkdir()
    found = Papers(folder / "ca.pem", folder / "chain.pem", folder / "key.pem")
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(found.authority))
    issued = authority.issue_cert("127.0.0.1")
    issued.private_key_pem.write_to_path(str(found.key))
    for part in issued.cert_chain_pems:
        part.write_to_path(str(found.chain), append=True)
    return found


@pytest.fixture
def trusted(tmp_path: Path) -> Papers:
    """The papers that servers show."""
    return papers(tmp_path / "papers")


@pytest.fixture
def settings() -> Settings:
    """Patience that no test has."""
    return Settings(redis_timeout_s=60.0)


@asynccontextmanager
async def reached(url: str, settings: Settings) -> AsyncIterator[Shards]:
    """Links that are watched."""
    shards = await reach(url, settings)
    watching = asyncio.create_task(shards.watch())
    try:
        yield shards
    finally:
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)
        await shards.aclose()


async def travels(shards: Shards, settings: Settings, feed: str = "x") -> Recorder:
    """A post is kept, and heard on the line; the sink that heard it."""
    store = RedisStore(shards, settings)
    async with following(shards, store, Counts()) as follower:
        sink = Recorder()
        await store.make_feed(feed, FEED, AT, None)
        await follower.open(feed, sink)
        await sink.at(await settled(store, "p", feed))
        await up(follower)
    return sink


async def test_a_tls_server_is_verified(
    tmp_path: Path, trusted: Papers, settings: Settings
) -> None:
    """A known authority is accepted; others are refused with the reason."""
    stranger = papers(tmp_path / "stranger")
    server = Server(KIND, tmp_path / "server", port=reserve_port())
    server.tls = trusted.settings
    url = f"redis://127.0.0.1:{server.port}"
    server.start()
    try:
        async with reached(trusted.known_to(url), settings) as shards:
            await travels(shards, settings)
        with server.client() as client:
            rights = (">p/a#s%s@", *redis_user_rights.RULES.split(" "))
            client.execute_command("ACL", "SETUSER", "app", "on", *rights)
            client.execute_command("ACL", "SETUSER", "default", "-set")
        mine = trusted.known_to(url).replace("//", "//app:p%2Fa%23s%25s%40@")
        async with reached(mine, settings) as shards:
            await travels(shards, settings, "of-a-user")
        with pytest.raises(Unavailable, match="certificate of Redis is not trusted"):
            await reach(stranger.known_to(url), settings)
        with pytest.raises(Unavailable):
            await reach(url, Settings(redis_timeout_s=1.0))
    finally:
        server.kill()


async def test_a_client_certificate_is_sent(
    tmp_path: Path, trusted: Papers, settings: Settings
) -> None:
    """To a server that requires one."""
    server = Server(KIND, tmp_path / "server", port=reserve_port())
    server.tls = (*trusted.settings, "--tls-auth-clients", "yes")
    url = trusted.known_to(f"redis://127.0.0.1:{server.port}")
    server.start()
    try:
        with pytest.raises(Unavailable, match=NO_PAPERS):
            await reach(url, settings)
        ours = f"&ssl_certfile={trusted.chain}&ssl_keyfile={trusted.key}"
        async with reached(url + ours, settings) as shards:
            await travels(shards, settings)
    finally:
        server.kill()


async def test_sentinels_work_over_tls(
    tmp_path: Path, trusted: Papers, settings: Settings
) -> None:
    """They, the servers and their replication; the next primary too."""
    fleet = Fleet(KIND, tmp_path / "fleet", tls=trusted.settings)
    try:
        await fleet.start()
        async with reached(trusted.known_to(fleet.url), settings) as shards:
            store = RedisStore(shards, settings)
            first = await travels(shards, settings)
            fleet.servers[0].kill()
            await fleet.promoted(fleet.servers[0])
            after = await settled(store, "after")
            assert after.epoch != first.cursor.epoch
    finally:
        fleet.kill()


async def test_a_cluster_works_over_tls(
    tmp_path: Path, trusted: Papers, settings: Settings
) -> None:
    """Its servers are found at their TLS ports."""
    tls = (*trusted.settings, "--tls-cluster", "yes")
    cluster = Cluster(KIND, tmp_path / "cluster", replicas=0, tls=tls)
    try:
        await cluster.start()
        async with reached(trusted.known_to(cluster.url), settings) as shards:
            assert len(shards.links()) == 3
            first = await travels(shards, settings, "f0")
            await cluster.move("{f0}")
            store = RedisStore(shards, settings)
            assert (await settled(store, "q", "f0")).epoch != first.cursor.epoch
    finally:
        cluster.kill()
