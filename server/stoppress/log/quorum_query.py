"""Sends one query to several servers at once, some of which may be unavailable.

Sentinels and the servers of a cluster are asked for the primaries. More than half have
to answer before an answer is used, unless no more can answer, or ASK_S has passed.
While no server has answered at all, a caller may wait longer: servers that are busy
answer late, and asking them again would only add to their work.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, Generic, NamedTuple, TypeVar

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import AuthenticationError, RedisError, ResponseError

from stoppress.log.redis_errors import why

ASK_S = 1.0
"""How long to wait for more than half, once any server has answered."""

T = TypeVar("T")

log = logging.getLogger(__name__)


class ServerAddress(NamedTuple):
    """Where a server listens."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


def client(url: str) -> Redis:
    """A client of one server, without retries; `ask` bounds each call."""
    return Redis.from_url(
        url,
        protocol=2,
        socket_timeout=None,
        socket_connect_timeout=None,
        retry=Retry(NoBackoff(), 0),
    )


async def ask(
    asked: Sequence[Redis],
    question: Callable[[Redis], Coroutine[Any, Any, T]],
    patience_s: float = 0.0,
) -> tuple[list[T], list[ResponseError]]:
    """The answers of enough servers, and the refusals of others.

    Takes at most ASK_S, or `patience_s` while no server has answered,
    if that is longer. Raises LoginRefused if all that answer refuse the login.
    """
    strange: AuthenticationError | None = None
    said: list[T] = []
    refusals: list[ResponseError] = []
    began = time.monotonic()
    waiting = {asyncio.create_task(question(one)) for one in asked}
    try:
        while waiting and not are_enough(said, asked):
            is_answered = bool(said or refusals or strange)
            within_s = ASK_S if is_answered else max(ASK_S, patience_s)
            done, waiting = await asyncio.wait(
                waiting,
                timeout=max(0.0, began + within_s - time.monotonic()),
                return_when=asyncio.FIRST_COMPLETED,
            )
            if not done:
                break
            for one in done:
                try:
                    said.append(one.result())
                except ResponseError as refused:
                    refusals.append(refused)
                except AuthenticationError as refused:
                    strange = refused
                except (RedisError, OSError, TimeoutError) as away:
                    log.debug("a server does not answer: %s", why(away))
    finally:
        for one in waiting:
            one.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
    if strange is not None and not said and not refusals:
        raise why(strange) or strange
    return said, refusals


def are_enough(said: Sequence[T], asked: Sequence[Redis]) -> bool:
    """Whether more than half have answered."""
    return len(said) > len(asked) // 2


class SingleFlight(Generic[T]):
    """Runs one call at a time; callers that come meanwhile share its result."""

    def __init__(self, do: Callable[[], Coroutine[Any, Any, T]]) -> None:
        self._do = do
        self._doing: asyncio.Task[T] | None = None

    async def __call__(self) -> T:
        if self._doing is None or self._doing.done():
            self._doing = asyncio.create_task(self._do())
            self._doing.add_done_callback(_heed)
        return await asyncio.shield(self._doing)

    async def aclose(self) -> None:
        """Cancel the call that runs."""
        if self._doing is not None:
            self._doing.cancel()
            await asyncio.gather(self._doing, return_exceptions=True)


def _heed(done: asyncio.Task[Any]) -> None:
    """Retrieve the error, as the caller may have ended meanwhile."""
    if not done.cancelled():
        done.exception()
