"""Sends one query to several servers at once, some of which may be unavailable.

Sentinels and the servers of a cluster are asked for the primaries. More than half have
to answer before an answer is used, unless no more can answer.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from typing import Any, Generic, NamedTuple, TypeVar

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import AuthenticationError, RedisError, ResponseError

from stoppress.log.redis_errors import why

ASK_S = 1.0
"""How long one server may take to answer."""

T = TypeVar("T")

log = logging.getLogger(__name__)


class ServerAddress(NamedTuple):
    """Where a server listens."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


def client(url: str) -> Redis:
    """A client of one server, with short timeouts and without retries."""
    return Redis.from_url(
        url,
        protocol=2,
        socket_timeout=ASK_S,
        socket_connect_timeout=ASK_S,
        retry=Retry(NoBackoff(), 0),
    )


async def ask(
    asked: Sequence[Redis], question: Callable[[Redis], Coroutine[Any, Any, T]]
) -> tuple[list[T], list[ResponseError]]:
    """The answers of enough servers, and the refusals of others.

    Raises LoginRefused if all that answer refuse the login.
    """
    strange: AuthenticationError | None = None
    said: list[T] = []
    refusals: list[ResponseError] = []
    tasks = [asyncio.create_task(_in_time(question(one))) for one in asked]
    try:
        for next_one in asyncio.as_completed(tasks):
            try:
                said.append(await next_one)
            except ResponseError as refused:
                refusals.append(refused)
            except AuthenticationError as refused:
                strange = refused
            except (RedisError, OSError, TimeoutError) as away:
                log.debug("a server does not answer: %s", why(away))
            if are_enough(said, asked):
                break
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    if strange is not None and not said and not refusals:
        raise why(strange) or strange
    return said, refusals


def are_enough(said: Sequence[T], asked: Sequence[Redis]) -> bool:
    """Whether more than half have answered."""
    return len(said) > len(asked) // 2


async def _in_time(answer: Awaitable[T]) -> T:
    async with asyncio.timeout(ASK_S):
        return await answer


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
