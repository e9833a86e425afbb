"""The connection pools of a store's shards, and which of them has a key.

With one primary there is one pool (`pool.Pool` is a Shards), and nothing moves. In a
cluster each shard has its own pool (`cluster.py`), and slots of keys move between
shards. A caller names the key; while its slot moves, the call is repeated until its
timeout: a call that was refused for that reason had no effect. That no server says
where the slot is now ends nothing: they may be busy.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from typing import Any, Protocol, TypeVar

from stoppress.log.grouped_writes import GroupedWrite
from stoppress.log.pool import Pool
from stoppress.log.redis_commands_scripts_and_durability import RedisCommands
from stoppress.log.redis_errors import NobodyAnswers, SlotMoving

PAUSE_S = 0.05
"""Pause between two attempts while a slot moves."""

T = TypeVar("T")


class Shards(Protocol):
    """The pools of one store."""

    @property
    def timeout_s(self) -> float:
        """The timeout of each call."""

    @property
    def database(self) -> int:
        """The number of the database; always 0 in a cluster."""

    def of(self, key: str) -> Pool:
        """The pool of the server with the key. Raises Unavailable if there is none."""

    def links(self) -> tuple[Pool, ...]:
        """All pools."""

    def name_at(self, link: Pool, prefix: str) -> str:
        """A new name with this prefix, for a key on the server of the pool.

        Raises Unavailable if that server has no slot any more.
        """

    async def learn(self) -> None:
        """Find out again which server has which slot. Raises Unavailable."""

    @property
    def moved(self) -> asyncio.Event:
        """Set once a slot has moved to another pool; then replaced by a new event."""

    async def watch(self) -> None:
        """Keep finding out which server has which slot, until cancelled."""

    async def aclose(self) -> None:
        """Close all pools."""


async def at(
    shards: Shards, key: str, call: Callable[[RedisCommands], Awaitable[T]]
) -> T:
    """Run `call` on the server that has `key`. It is one step and may be repeated."""

    async def once() -> T:
        async with shards.of(key).borrow() as redis:
            return await call(redis)

    return await followed(shards, once)


async def write_at(shards: Shards, key: str, asked: GroupedWrite) -> Any:
    """Write on the server that has `key`, in one group with other writes there."""
    return await followed(shards, lambda: shards.of(key).writes.write(asked))


async def each(
    shards: Shards,
    names: Sequence[str],
    key: Callable[[str], str],
    call: Callable[[RedisCommands, Sequence[str]], Awaitable[list[T]]],
    batch: int,
) -> list[T]:
    """The result of `call` for each name, on the server of its key, in batches."""

    async def once() -> list[T]:
        there: dict[Pool, list[str]] = {}
        for name in names:
            there.setdefault(shards.of(key(name)), []).append(name)
        found: dict[str, T] = {}
        for link, all_there in there.items():
            for start in range(0, len(all_there), batch):
                some = all_there[start : start + batch]
                async with link.borrow() as redis:
                    found |= zip(some, await call(redis, some), strict=True)
        return [found[name] for name in names]

    return await followed(shards, once)


async def followed(shards: Shards, attempt: Callable[[], Awaitable[T]]) -> T:
    """The result of an attempt, repeated while its slot moves."""
    loop = asyncio.get_running_loop()
    end = loop.time() + shards.timeout_s
    while True:
        try:
            return await attempt()
        except SlotMoving as moving:
            if loop.time() > end:
                raise
            refused = moving
        await asyncio.sleep(PAUSE_S)
        try:
            async with asyncio.timeout_at(end):
                with suppress(NobodyAnswers):
                    await shards.learn()
        except TimeoutError:
            raise refused from None
