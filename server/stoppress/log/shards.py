"""Which link leads to the server that has a key.

Where there is one primary, its link is all there is (`pool.Pool` is a Shards), and
nothing ever moves. In a cluster each shard has a link of its own (`cluster.py`), and
slots of keys move between shards. Whoever talks says which key it is about, and is sent
on while that moves: a call that was refused because of it has not been made.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol, TypeVar

from stoppress.log.pool import Pool
from stoppress.log.redis_commands import RedisCommands
from stoppress.log.redis_errors import SlotMoving

PAUSE_S = 0.05
"""Between two tries to talk about what is moving."""

T = TypeVar("T")


class Shards(Protocol):
    """The links to one store."""

    @property
    def timeout_s(self) -> float:
        """The time that everything has."""

    @property
    def database(self) -> int:
        """The number of the database; a cluster has 0 alone."""

    def of(self, key: str) -> Pool:
        """The link to where the key is. Raises Unavailable if nobody has it now."""

    def links(self) -> tuple[Pool, ...]:
        """All of them."""

    def name_at(self, link: Pool, prefix: str) -> str:
        """A new name that begins so, for what is to be where the link leads.

        Raises Unavailable if nothing can be there any more.
        """

    async def learn(self) -> None:
        """Look again where everything is. Raises Unavailable."""

    @property
    def moved(self) -> asyncio.Event:
        """Set once something has moved to another link; then it is another event."""

    async def watch(self) -> None:
        """Keep looking where everything is, until cancelled."""

    async def aclose(self) -> None:
        """Close all links."""


async def at(
    shards: Shards, key: str, call: Callable[[RedisCommands], Awaitable[T]]
) -> T:
    """Talk to whoever has `key`. `call` is one step; it may be made again."""

    async def once() -> T:
        async with shards.of(key).talk() as talk:
            return await call(talk)

    return await followed(shards, once)


async def each(
    shards: Shards,
    names: Sequence[str],
    key: Callable[[str], str],
    call: Callable[[RedisCommands, Sequence[str]], Awaitable[list[T]]],
    batch: int,
) -> list[T]:
    """What `call` says of each name, wherever its key is, some at a time."""

    async def once() -> list[T]:
        there: dict[Pool, list[str]] = {}
        for name in names:
            there.setdefault(shards.of(key(name)), []).append(name)
        found: dict[str, T] = {}
        for link, all_there in there.items():
            for start in range(0, len(all_there), batch):
                some = all_there[start : start + batch]
                async with link.talk() as talk:
                    found |= zip(some, await call(talk, some), strict=True)
        return [found[name] for name in names]

    return await followed(shards, once)


async def followed(shards: Shards, attempt: Callable[[], Awaitable[T]]) -> T:
    """What comes of an attempt, made again while what it is about moves."""
    loop = asyncio.get_running_loop()
    end = loop.time() + shards.timeout_s
    while True:
        try:
            return await attempt()
        except SlotMoving:
            if loop.time() > end:
                raise
        await asyncio.sleep(PAUSE_S)
        await shards.learn()
