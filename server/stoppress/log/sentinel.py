"""Redis Sentinel: which server is the primary now.

    redis+sentinel://[user:password@]host:port,host:port/name[/db][?options]

User, password, db and options are the servers', as in `redis://`; the Sentinels' own
are the options `sentinel_username` and `sentinel_password`. `rediss+sentinel://` is
TLS to all of them.

Rules:
- All Sentinels are asked at once, and more than half have to answer before an answer is
  used, unless no more can. The newest answer counts: a Sentinel that was cut off goes
  on naming the former primary. Half of them or fewer can't replace a newer answer.
- Sentinels only advise: while none answers, the last known primary is used. Each
  connection checks that its server is a primary.
- Until a primary is known, the first answer may take half the time that a call has: the
  primary has to answer in the other half.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

from redis.asyncio import Redis
from redis.exceptions import NoPermissionError

from stoppress.domain.errors import Unavailable
from stoppress.log.quorum_query import (
    ServerAddress,
    SingleFlight,
    are_enough,
    ask,
    client,
)
from stoppress.log.redis_address import user_of
from stoppress.log.redis_errors import said as said_by
from stoppress.log.redis_user_rights import SENTINEL_RULES
from stoppress.settings import BadSetting

SCHEMES = {"redis+sentinel": "redis", "rediss+sentinel": "rediss"}
PORT = 26379
"""The port of a Sentinel, if its address has none."""


class RedisAddress(NamedTuple):
    """The parts of an address."""

    name: str
    """The name of the primary."""
    servers: str
    """The servers' address; the host and port of the primary are filled in later."""
    sentinels: tuple[str, ...]
    """The Sentinels' addresses."""


class SentinelAnswer(NamedTuple):
    """What one Sentinel answers about the primary."""

    epoch: int
    """The version of its configuration: the greater, the newer."""
    is_up: bool
    place: ServerAddress


def parse(url: str) -> RedisAddress | None:
    """Parse an address; None if it names no Sentinels. Raises ValueError."""
    split = urlsplit(url)
    scheme = SCHEMES.get(split.scheme)
    if scheme is None:
        return None
    account, at, hosts = split.netloc.rpartition("@")
    name, _, db = split.path.strip("/").partition("/")
    if not name:
        raise ValueError("the name of the primary is missing: host:port,host:port/name")
    options = dict(parse_qsl(split.query))
    user, password = (
        quote(options.pop(f"sentinel_{one}", ""), safe="")
        for one in ("username", "password")
    )
    own = f"{user}:{password}@" if user or password else ""
    tls = {name: value for name, value in options.items() if name.startswith("ssl_")}
    return RedisAddress(
        name,
        f"{scheme}://{account}{at}{name}/{db}{_query(options)}",
        tuple(
            f"{scheme}://{own}{_place(host)}{_query(tls)}" for host in hosts.split(",")
        ),
    )


def _query(options: Mapping[str, str]) -> str:
    given = {name: value for name, value in options.items() if value}
    return f"?{urlencode(given)}" if given else ""


def _place(host: str) -> str:
    split = urlsplit(f"//{host}")
    if not split.hostname:
        raise ValueError("the address of a Sentinel is invalid: use host:port")
    return host if split.port else f"{host}:{PORT}"


class Sentinels:
    """The Sentinels of one primary."""

    def __init__(self, address: RedisAddress, timeout_s: float) -> None:
        self._timeout_s = timeout_s
        self._name = address.name
        self._user = user_of(address.sentinels[0])
        self._asked = [client(url) for url in address.sentinels]
        self._known: SentinelAnswer | None = None
        self._find = SingleFlight(self._found)

    async def primary(self) -> ServerAddress:
        """The address of the primary. Concurrent callers share one query.

        Raises Unavailable, and BadSetting if no primary ever had that name.
        """
        return await self._find()

    async def aclose(self) -> None:
        """Close the connections to the Sentinels."""
        await self._find.aclose()
        for one in self._asked:
            await one.aclose()

    async def _found(self) -> ServerAddress:
        known = self._known
        patience_s = self._timeout_s / 2 if known is None else 0.0
        said, refusals = await ask(self._asked, self._say, patience_s)
        newest = max(said, default=known)
        if newest is None:
            if any(isinstance(one, NoPermissionError) for one in refusals):
                raise BadSetting(
                    "the Sentinels' user lacks rights; grant them at each Sentinel "
                    f"with `ACL SETUSER {self._user} {SENTINEL_RULES}`"
                )
            if refusals:
                reason = said_by(refusals[0])
                raise BadSetting(
                    f"the Sentinels know no primary {self._name!r}: {reason}"
                )
            raise Unavailable("no Sentinel answers")
        if known is not None and not are_enough(said, self._asked):
            newest = max(newest, known)
        if not newest.is_up:
            raise Unavailable(
                f"the Sentinels say that the primary is down: {newest.place}"
            )
        self._known = newest
        return newest.place

    async def _say(self, one: Redis) -> SentinelAnswer:
        # A Sentinel that promotes a server names it first; the state changes later,
        # when the other replicas follow. Both are asked in one packet, so that they
        # agree.
        async with one.pipeline(transaction=False) as both:
            both.execute_command("SENTINEL MASTER", self._name)
            both.execute_command("SENTINEL GET-MASTER-ADDR-BY-NAME", self._name)
            state, named = await both.execute()
        place = ServerAddress(_text(named[0]), int(named[1]))
        was = ServerAddress(_text(state["ip"]), int(state["port"]))
        is_down = state["is_sdown"] or state["is_odown"]
        return SentinelAnswer(
            int(state["config-epoch"]), place != was or not is_down, place
        )


def _text(raw: bytes | str) -> str:
    return raw.decode() if isinstance(raw, bytes) else raw
