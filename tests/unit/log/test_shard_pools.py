"""A call is repeated while its slot moves."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any, cast

import pytest

from stoppress.log import shard_pools
from stoppress.log.pool import Pool
from stoppress.log.redis_commands_scripts_and_durability import RedisCommands
from stoppress.log.redis_errors import NobodyAnswers, SlotMoving
from stoppress.log.shard_pools import Shards, at, each, followed, write_at

pytestmark = pytest.mark.asyncio


class Shard:
    """A link of which only its name is talked to."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.talks = 0

    @asynccontextmanager
    async def borrow(self) -> AsyncIterator[RedisCommands]:
        self.talks += 1
        yield cast(RedisCommands, self.name)


class Two:
    """Two shards; a key is where its first letter says, until that moves."""

    def __init__(self, timeout_s: float = 30.0) -> None:
        self.timeout_s = timeout_s
        self.a, self.b = Shard("a"), Shard("b")
        self.learnt = 0

    def of(self, key: str) -> Pool:
        return cast(Pool, self.a if key < "n" or self.learnt else self.b)

    async def learn(self) -> None:
        self.learnt += 1


def as_shards(two: Two) -> Shards:
    return cast(Shards, two)


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """No time passes between two tries."""
    monkeypatch.setattr(shard_pools, "PAUSE_S", 0.0)


async def test_a_call_goes_where_its_key_is() -> None:
    async def name(redis: RedisCommands) -> Any:
        return redis

    two = Two()
    assert await at(as_shards(two), "feed", name) == "a"
    assert await at(as_shards(two), "x", name) == "b"
    assert two.learnt == 0


async def test_a_call_that_was_refused_is_made_again_where_the_key_is_now() -> None:
    """It has not been made: what moves answers so before it does anything."""

    async def name(redis: RedisCommands) -> Any:
        if cast(str, redis) == "b":
            raise SlotMoving("the slot is moving")
        return redis

    two = Two()
    assert await at(as_shards(two), "x", name) == "a"
    assert two.learnt == 1


async def test_patience_ends() -> None:
    """After the time that everything has."""
    tries = 0

    async def moving() -> None:
        nonlocal tries
        tries += 1
        raise SlotMoving("the slot is moving")

    with pytest.raises(SlotMoving):
        await followed(as_shards(Two(timeout_s=-1.0)), moving)
    assert tries == 1


async def test_a_call_is_repeated_until_a_server_has_the_slot() -> None:
    """Busy servers answer later: the call is made again, until one says it."""
    two, tries = Two(), 0

    async def moving() -> str:
        nonlocal tries
        tries += 1
        if tries < 4:
            raise SlotMoving("the slot is moving")
        return "done"

    async def nobody() -> None:
        two.learnt += 1
        raise NobodyAnswers("no server of the cluster answers")

    two.learn = nobody  # type: ignore[method-assign]
    assert await followed(as_shards(two), moving) == "done"
    assert two.learnt == 3


async def test_patience_ends_while_all_are_silent() -> None:
    """A call lasts no longer because a server does not say where its slot is."""
    two = Two(timeout_s=0.05)

    async def moving() -> None:
        raise SlotMoving("the slot is moving")

    async def silent() -> None:
        await asyncio.Event().wait()

    two.learn = silent  # type: ignore[method-assign]
    with pytest.raises(SlotMoving):
        await followed(as_shards(two), moving)


async def test_names_are_asked_at_their_shard_in_batches() -> None:
    """And answered in the order in which it was named."""
    batches: list[tuple[str, Sequence[str]]] = []

    async def answer(redis: RedisCommands, names: Sequence[str]) -> list[str]:
        batches.append((cast(str, redis), names))
        await asyncio.sleep(0)
        return [f"{redis}:{name}" for name in names]

    names = ["x", "c", "y", "d", "z"]
    found = await each(as_shards(Two()), names, lambda name: name, answer, 2)
    assert found == ["b:x", "a:c", "b:y", "a:d", "b:z"]
    assert batches == [("b", ["x", "y"]), ("b", ["z"]), ("a", ["c", "d"])]


async def test_a_write_is_repeated_while_its_slot_moves() -> None:
    """It is prepared anew, for the server that has the slot by then."""
    two = Two()
    asked: list[str] = []

    def writes_of(name: str) -> Any:
        class Writes:
            async def write(self, prepare: Any) -> Any:
                asked.append(name)
                if name == "b":
                    raise SlotMoving("moved")
                return prepare(name)

        return Writes()

    cast(Any, two.a).writes, cast(Any, two.b).writes = writes_of("a"), writes_of("b")
    run = cast(Any, lambda redis: f"written at {redis}")
    assert await write_at(as_shards(two), "z", run) == "written at a"
    assert asked == ["b", "a"]
