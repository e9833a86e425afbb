"""Redis Cluster: which server has which slot of keys.

    redis+cluster://[user:password@]host:port,host:port[?options]

The address names some servers; the others are learnt from them. `rediss+cluster://` is
TLS to all of them.

Rules:
- Each primary has a connection pool of its own; losing one does not affect the others.
- All servers are asked at once, once per second, and whenever a call was refused
  because its slot had moved. If answers differ about a server, or two servers claim one
  slot, the newest configuration counts, as in the cluster itself.
- Servers that are busy are not away: the first answer may take as long as a call.
- A primary that the cluster reports as failed has no slots: calls fail at once.
- The pool of a server that is no longer a primary is closed, with every connection in
  use.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from itertools import count
from typing import Any, NamedTuple
from urllib.parse import urlsplit, urlunsplit

from redis.asyncio import Redis
from redis.crc import REDIS_CLUSTER_HASH_SLOTS as SLOTS
from redis.crc import key_slot
from redis.exceptions import NoPermissionError

from stoppress.domain.errors import NotPermitted, Unavailable
from stoppress.log.pool import WATCH_S, Pool
from stoppress.log.quorum_query import ServerAddress, SingleFlight, ask, client
from stoppress.log.redis_address import user_of
from stoppress.log.redis_commands_scripts_and_durability import new_epoch
from stoppress.log.redis_errors import NobodyAnswers, SlotMoving
from stoppress.log.redis_errors import said as said_by
from stoppress.log.redis_user_rights import CLUSTER_RULES
from stoppress.settings import BadSetting

SCHEMES = {"redis+cluster": "redis", "rediss+cluster": "rediss"}

log = logging.getLogger(__name__)


class ClusterShard(NamedTuple):
    """A server with slots, as one server of the cluster describes it."""

    epoch: int
    """The version of its configuration: the greater, the newer."""
    place: ServerAddress
    ranges: tuple[tuple[int, int], ...]


def seeds(url: str) -> tuple[str, ...]:
    """The server addresses in a cluster's address; empty if it is no such address."""
    split = urlsplit(url)
    scheme = SCHEMES.get(split.scheme)
    if scheme is None:
        return ()
    account, at, hosts = split.netloc.rpartition("@")
    return tuple(
        urlunsplit((scheme, f"{account}{at}{host}", "", split.query, ""))
        for host in hosts.split(",")
    )


class Cluster:
    """The connection pools of one cluster's primaries."""

    def __init__(
        self,
        seeds: Iterable[str],
        link_to: Callable[[ServerAddress], Pool],
        timeout_s: float,
    ) -> None:
        self.timeout_s = timeout_s
        self._seeds = tuple(seeds)
        self._link_to = link_to
        self._asked: dict[str, Redis] = {url: client(url) for url in self._seeds}
        self._links: dict[ServerAddress, Pool] = {}
        self._slots: list[ServerAddress | None] = [None] * SLOTS
        self.moved = asyncio.Event()
        """Set when a slot has moved to another server."""
        self._is_known = False
        self._once = SingleFlight(self._learn)

    @property
    def database(self) -> int:
        """Always 0: a cluster has no other database."""
        return 0

    def of(self, key: str) -> Pool:
        """The pool of the server with the key.

        Raises SlotMoving if there is none: one may take over while a call waits.
        """
        place = self._slots[key_slot(key.encode())]
        if place is None:
            raise SlotMoving("no server of the cluster has this slot now")
        return self._links[place]

    def links(self) -> tuple[Pool, ...]:
        """The pools of the primaries that have slots."""
        return tuple(self._links.values())

    def name_at(self, link: Pool, prefix: str) -> str:
        """A new name with this prefix, in a slot of the pool. Raises Unavailable."""
        if link not in self._links.values():
            raise Unavailable("this server has no slots any more")
        chance = new_epoch()
        names = (f"{prefix}{chance}{number}" for number in count())
        return next(name for name in names if self._leads(name, link))

    def _leads(self, name: str, link: Pool) -> bool:
        place = self._slots[key_slot(name.encode())]
        return place is not None and self._links[place] is link

    async def learn(self) -> None:
        """Ask which server has which slot. Raises Unavailable."""
        await self._once()

    async def watch(self) -> None:
        """Keep asking which server has which slot, until cancelled."""
        while True:
            await asyncio.sleep(WATCH_S)
            with suppress(Unavailable):
                await self.learn()

    async def aclose(self) -> None:
        """Close all pools."""
        await self._once.aclose()
        for one in self._asked.values():
            await one.aclose()
        for link in self._links.values():
            await link.aclose()

    async def _learn(self) -> None:
        said, refusals = await ask(tuple(self._asked.values()), _nodes, self.timeout_s)
        if not said:
            if any(isinstance(one, NoPermissionError) for one in refusals):
                user = user_of(self._seeds[0])
                raise NotPermitted(
                    "the Redis user lacks rights: +cluster|nodes; grant them at each "
                    f"server with `ACL SETUSER {user} {CLUSTER_RULES}`"
                )
            if refusals and not self._is_known:
                raise BadSetting(f"this Redis is not a cluster: {said_by(refusals[0])}")
            raise NobodyAnswers("no server of the cluster answers")
        self._is_known = True
        slots = owners(shard for shards, _ in said for shard in shards)
        await self._ask_next({place for _, places in said for place in places})
        if slots != self._slots:
            await self._set(slots)

    async def _ask_next(self, places: set[ServerAddress]) -> None:
        """Choose the servers to ask next: the known ones, and those of the address."""
        first = urlsplit(self._seeds[0])
        account, at, _ = first.netloc.rpartition("@")
        urls = {
            urlunsplit(first._replace(netloc=f"{account}{at}{_host(place)}"))
            for place in places
        } | set(self._seeds)
        for url in self._asked.keys() - urls:
            await self._asked.pop(url).aclose()
        for url in urls - self._asked.keys():
            self._asked[url] = client(url)

    async def _set(self, slots: list[ServerAddress | None]) -> None:
        places = {place for place in slots if place is not None}
        gone = [self._links.pop(place) for place in self._links.keys() - places]
        for place in places - self._links.keys():
            self._links[place] = self._link_to(place)
        self._slots = slots
        log.info("the slots of the cluster are at %d primaries", len(places))
        if missing := slots.count(None):
            log.warning("no server has %d slots of the cluster", missing)
        self.moved.set()
        self.moved = asyncio.Event()
        for link in gone:
            await link.quit("it has no slots any more")


def owners(shards: Iterable[ClusterShard]) -> list[ServerAddress | None]:
    """The server of each slot, by the newest configurations."""
    newest: dict[ServerAddress, ClusterShard] = {}
    for shard in shards:
        known = newest.get(shard.place)
        # If only some report a server as failed, their view is the newer one.
        rank = (shard.epoch, not shard.ranges)
        if known is None or rank > (known.epoch, not known.ranges):
            newest[shard.place] = shard
    slots: list[ServerAddress | None] = [None] * SLOTS
    for shard in sorted(newest.values()):
        for start, end in shard.ranges:
            slots[start : end + 1] = [shard.place] * (end + 1 - start)
    return slots


async def _nodes(one: Any) -> tuple[list[ClusterShard], list[ServerAddress]]:
    """The primaries that one server knows, and the addresses of all servers."""
    nodes: Mapping[str, Mapping[str, Any]] = await one.execute_command("CLUSTER NODES")
    shards: list[ClusterShard] = []
    places: list[ServerAddress] = []
    asked = one.get_connection_kwargs()
    for at, node in nodes.items():
        flags = str(node["flags"]).split(",")
        host, _, port = at.rpartition(":")
        # It may not know its own address yet: use the one at which it was reached.
        place = ServerAddress(host or str(asked["host"]), int(port))
        if "noaddr" in flags or "handshake" in flags:
            continue
        places.append(place)
        if "master" not in flags:
            continue
        ranges: tuple[tuple[int, int], ...] = ()
        if "fail" not in flags:
            ranges = tuple((int(pair[0]), int(pair[-1])) for pair in node["slots"])
        shards.append(ClusterShard(int(node["epoch"]), place, ranges))
    return shards, places


def _host(place: ServerAddress) -> str:
    return f"[{place.host}]:{place.port}" if ":" in place.host else str(place)
