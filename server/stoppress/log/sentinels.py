"""Redis Sentinel: who the primary is now.

    redis+sentinel://[user:password@]host:port,host:port/name[/db][?options]

User, password, db and options are the servers', as in `redis://`; the Sentinels' own
are the options `sentinel_username` and `sentinel_password`. `rediss+sentinel://` is
TLS to all of them.

Rules:
- All Sentinels are asked at once, and more than half have to answer before any is
  believed, unless no more can. Of what they say the newest counts: one that was cut
  off goes on naming the primary that was. Half of them or less can't take back what
  was known.
- They are asked for advice, not for permission: while none answers, the primary is
  where it was. What is there tells itself whether it is one.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from typing import NamedTuple
from urllib.parse import parse_qsl, urlencode, urlsplit

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError, ResponseError

from stoppress.domain.errors import Unavailable
from stoppress.log.link import Place
from stoppress.settings import BadSetting

SCHEMES = {"redis+sentinel": "redis", "rediss+sentinel": "rediss"}
PORT = 26379
"""Where a Sentinel listens, if it does not say."""
ASK_S = 1.0
"""How long a Sentinel may take to answer."""

log = logging.getLogger(__name__)


class Address(NamedTuple):
    """What an address says."""

    name: str
    """Of the primary."""
    servers: str
    """The servers' address; whichever is the primary has another host and port."""
    sentinels: tuple[str, ...]
    """The Sentinels' addresses."""


class Said(NamedTuple):
    """What one Sentinel says of the primary."""

    epoch: int
    """Of its configuration: the greater, the newer."""
    is_up: bool
    place: Place


def parse(url: str) -> Address | None:
    """What the address says; None if it names no Sentinels. Raises ValueError."""
    split = urlsplit(url)
    scheme = SCHEMES.get(split.scheme)
    if scheme is None:
        return None
    account, at, hosts = split.netloc.rpartition("@")
    name, _, db = split.path.strip("/").partition("/")
    if not name:
        raise ValueError("the name of the primary is missing: host:port,host:port/name")
    options = dict(parse_qsl(split.query))
    own = {one: options.pop(f"sentinel_{one}", "") for one in ("username", "password")}
    tls = {name: value for name, value in options.items() if name.startswith("ssl_")}
    return Address(
        name,
        f"{scheme}://{account}{at}{name}/{db}{_query(options)}",
        tuple(
            f"{scheme}://{_place(host)}{_query(tls | own)}" for host in hosts.split(",")
        ),
    )


def _query(options: Mapping[str, str]) -> str:
    given = {name: value for name, value in options.items() if value}
    return f"?{urlencode(given)}" if given else ""


def _place(host: str) -> str:
    split = urlsplit(f"//{host}")
    if not split.hostname:
        raise ValueError(f"{host!r} is no address of a Sentinel: host:port")
    return host if split.port else f"{host}:{PORT}"


class Sentinels:
    """The Sentinels of one primary."""

    def __init__(self, address: Address) -> None:
        self._name = address.name
        self._clients = [
            Redis.from_url(
                url,
                protocol=2,
                socket_timeout=ASK_S,
                socket_connect_timeout=ASK_S,
                retry=Retry(NoBackoff(), 0),
            )
            for url in address.sentinels
        ]
        self._known: Said | None = None
        self._asking: asyncio.Task[Place] | None = None

    async def primary(self) -> Place:
        """Where the primary is. Who asks meanwhile waits for the same answer.

        Raises Unavailable, and BadSetting if it never was known by that name.
        """
        if self._asking is None or self._asking.done():
            self._asking = asyncio.create_task(self._find())
            self._asking.add_done_callback(_heed)
        return await asyncio.shield(self._asking)

    async def aclose(self) -> None:
        """Close the connections to the Sentinels."""
        if self._asking is not None:
            self._asking.cancel()
            await asyncio.gather(self._asking, return_exceptions=True)
        for client in self._clients:
            await client.aclose()

    async def _find(self) -> Place:
        said, refusals = await self._ask()
        known = self._known
        newest = max(said, default=known)
        if newest is None:
            if refusals:
                raise BadSetting(
                    f"the Sentinels know no primary {self._name!r}: {refusals[0]}"
                )
            raise Unavailable("no Sentinel answers")
        if known is not None and not self._are_enough(said):
            newest = max(newest, known)
        if not newest.is_up:
            raise Unavailable(f"the primary is down, the Sentinels say: {newest.place}")
        self._known = newest
        return newest.place

    def _are_enough(self, said: list[Said]) -> bool:
        return len(said) > len(self._clients) // 2

    async def _ask(self) -> tuple[list[Said], list[ResponseError]]:
        """What enough of them say, and how others refused."""
        said: list[Said] = []
        refusals: list[ResponseError] = []
        asked = [asyncio.create_task(self._ask_one(one)) for one in self._clients]
        try:
            for next_one in asyncio.as_completed(asked):
                try:
                    said.append(await next_one)
                except ResponseError as refused:
                    refusals.append(refused)
                except (RedisError, OSError, TimeoutError) as away:
                    log.debug("a Sentinel does not answer: %s", away)
                if self._are_enough(said):
                    break
        finally:
            for task in asked:
                task.cancel()
            await asyncio.gather(*asked, return_exceptions=True)
        return said, refusals

    async def _ask_one(self, client: Redis) -> Said:
        # Who promotes another names it first: the state changes later, when the other
        # replicas follow. In one packet, so that the two agree.
        async with asyncio.timeout(ASK_S), client.pipeline(transaction=False) as both:
            both.execute_command("SENTINEL MASTER", self._name)
            both.execute_command("SENTINEL GET-MASTER-ADDR-BY-NAME", self._name)
            state, named = await both.execute()
        place = Place(_text(named[0]), int(named[1]))
        was = Place(_text(state["ip"]), int(state["port"]))
        is_down = state["is_sdown"] or state["is_odown"]
        return Said(int(state["config-epoch"]), place != was or not is_down, place)


def _text(raw: bytes | str) -> str:
    return raw.decode() if isinstance(raw, bytes) else raw


def _heed(asked: asyncio.Task[Place]) -> None:
    """Whoever asked may be gone by now."""
    if not asked.cancelled():
        asked.exception()
