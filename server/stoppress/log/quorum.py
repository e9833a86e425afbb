"""Asking several servers the same thing at once, of whom some may be away.

Sentinels and the servers of a cluster are asked where the primaries are. More than half
have to answer before any is believed, unless no more can.
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
"""How long one may take to answer."""

T = TypeVar("T")

log = logging.getLogger(__name__)


class ServerAddress(NamedTuple):
    """Where a server listens."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


def client(url: str) -> Redis:
    """Somebody to be asked."""
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
    """What enough of them say, and how others refused.

    Raises LoginRefused if all who answer refuse who asks.
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
                log.debug("one does not answer: %s", why(away))
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
    """Does a thing for all who want it meanwhile; it ends when it is done."""

    def __init__(self, do: Callable[[], Coroutine[Any, Any, T]]) -> None:
        self._do = do
        self._doing: asyncio.Task[T] | None = None

    async def __call__(self) -> T:
        if self._doing is None or self._doing.done():
            self._doing = asyncio.create_task(self._do())
            self._doing.add_done_callback(_heed)
        return await asyncio.shield(self._doing)

    async def aclose(self) -> None:
        """End what is being done."""
        if self._doing is not None:
            self._doing.cancel()
            await asyncio.gather(self._doing, return_exceptions=True)


def _heed(done: asyncio.Task[Any]) -> None:
    """Whoever wanted it may be gone by now."""
    if not done.cancelled():
        done.exception()
