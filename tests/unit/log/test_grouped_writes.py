"""Writes that are ready together share a round trip, and nothing else."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any, NamedTuple, cast

import pytest
from redis.exceptions import ReadOnlyError, ResponseError

from stoppress.domain.errors import Unavailable
from stoppress.log import grouped_writes
from stoppress.log.grouped_writes import GroupedWrite, GroupedWrites
from stoppress.log.redis_commands_scripts_and_durability import (
    LuaScript,
    RedisCommands,
    ScriptRun,
)
from stoppress.log.redis_errors import NotPrimary

pytestmark = pytest.mark.asyncio
SCRIPT = LuaScript("require_primary", "publish_probe")


class Lender:
    """A connection that notes its round trips, and answers each key by a table."""

    def __init__(self) -> None:
        self.trips: list[list[str]] = []
        self.calls: list[list[str]] = []
        self.answers: dict[str, Any] = {}
        self.free = asyncio.Event()
        self.free.set()
        self.raised: list[BaseException] = []

    @asynccontextmanager
    async def borrow(self) -> AsyncIterator[RedisCommands]:
        await self.free.wait()
        try:
            yield cast(RedisCommands, self)
        except BaseException as wrong:
            self.raised.append(wrong)
            raise

    async def write_each(self, runs: Sequence[ScriptRun]) -> list[Any]:
        self.calls += [[str(key) for key in run.keys] for run in runs]
        self.trips.append([str(key) for run in runs for key in run.keys])
        await asyncio.sleep(0)
        if isinstance(lost := self.answers.get("lost"), Exception):
            raise lost
        return [self._answer([str(key) for key in run.keys]) for run in runs]

    def _answer(self, keys: list[str]) -> Any:
        if isinstance(refusal := self.answers.get("".join(keys)), Exception):
            return refusal if len(keys) > 1 else [refusal]
        return [self.answers.get(key, key.upper()) for key in keys]


class Asked(NamedTuple):
    """A write whose answer is its key in capitals."""

    key: str
    together: str = "x"
    size: int = 1

    @staticmethod
    def run(_: RedisCommands, writes: Sequence[Asked]) -> ScriptRun:
        return ScriptRun(SCRIPT, [write.key for write in writes], [])


def of(key: str) -> GroupedWrite:
    return Asked(key)


async def test_writes_of_one_turn_are_one_group() -> None:
    """In the order in which it was asked; what comes later is the next group."""
    line = Lender()
    writes = GroupedWrites(line.borrow)
    assert await asyncio.gather(*(writes.write(of(key)) for key in "abc")) == [*"ABC"]
    assert await writes.write(of("d")) == "D"
    assert line.trips == [["a", "b", "c"], ["d"]]


async def test_after_a_group_of_several_the_next_waits_a_turn() -> None:
    """For those who were answered with it; one that was alone does not wait."""
    line = Lender()
    writes = GroupedWrites(line.borrow)

    async def one_after_the_other() -> None:
        first = asyncio.create_task(writes.write(of("a")))
        await asyncio.sleep(0)
        await asyncio.gather(first, writes.write(of("b")))

    await asyncio.gather(writes.write(of("x")), writes.write(of("y")))
    await one_after_the_other()
    assert line.trips == [["x", "y"], ["a", "b"]]
    await writes.write(of("z"))
    line.trips.clear()
    await one_after_the_other()
    assert line.trips == [["a"], ["b"]]


async def test_writes_that_wait_for_a_connection_are_one_group() -> None:
    """While none is free; and never more than MAX_GROUP at once."""
    line = Lender()
    writes = GroupedWrites(line.borrow)
    line.free.clear()
    first = asyncio.create_task(writes.write(of("a")))
    await asyncio.sleep(0.01)
    second = asyncio.create_task(writes.write(of("b")))
    await asyncio.sleep(0.01)
    line.free.set()
    assert (await first, await second) == ("A", "B") and line.trips == [["a", "b"]]


async def test_a_group_has_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(grouped_writes, "MAX_GROUP", 2)
    line = Lender()
    writes = GroupedWrites(line.borrow)
    await asyncio.gather(*(writes.write(of(key)) for key in "abcde"))
    assert line.trips == [["a", "b"], ["c", "d"], ["e"]]


async def test_a_call_makes_the_writes_of_one_feed() -> None:
    """In their order, and not too many bytes at once; each gets its own answer."""
    line = Lender()
    writes = GroupedWrites(line.borrow)
    half = grouped_writes.CALL_BYTES // 2
    asked = [
        *(Asked("a"), Asked("b", "y"), Asked("c", size=half), Asked("d", size=half)),
        *(Asked("e"), Asked("f", "y"), Asked("g", "z", 3 * half), Asked("h", "z")),
    ]
    found = await asyncio.gather(*map(writes.write, asked))
    assert found == [*"ABCDEFGH"]
    assert line.calls == [["a", "c"], ["b", "f"], ["d", "e"], ["g"], ["h"]]


async def test_a_call_that_is_refused_refuses_its_writes() -> None:
    """As by a server that is a replica now; another call's writes are made."""
    line = Lender()
    line.answers = {"ac": ReadOnlyError("READONLY")}
    writes = GroupedWrites(line.borrow)
    asked = Asked("a"), Asked("b", "y"), Asked("c")
    a, b, c = await asyncio.gather(*map(writes.write, asked), return_exceptions=True)
    assert (type(a), b, type(c)) == (NotPrimary, "B", NotPrimary)
    await writes.aclose()
    assert [type(each) for each in line.raised] == [ReadOnlyError]


async def test_a_refusal_is_for_its_own_write() -> None:
    """The pool hears of it too: it logs it, and leaves what is a replica."""
    line = Lender()
    line.answers = {"b": ReadOnlyError("READONLY"), "c": ResponseError("ERR user")}
    writes = GroupedWrites(line.borrow)
    found = await asyncio.gather(
        *(writes.write(of(key)) for key in "abcd"), return_exceptions=True
    )
    a, b, c, d = found
    assert (a, d) == ("A", "D")
    assert type(b) is NotPrimary and type(c) is ResponseError
    await writes.aclose()
    assert [type(each) for each in line.raised] == [ReadOnlyError]


async def test_a_lost_connection_fails_the_whole_group() -> None:
    """Of none of them is it known then whether it was made."""
    line = Lender()
    line.answers = {"lost": Unavailable("Redis did not answer in time")}
    writes = GroupedWrites(line.borrow)
    found = await asyncio.gather(
        *(writes.write(of(key)) for key in "ab"), return_exceptions=True
    )
    assert [str(each) for each in found] == ["Redis did not answer in time"] * 2
    line.answers = {}
    assert await writes.write(of("c")) == "C"


async def test_a_write_whose_caller_left_is_made() -> None:
    """The others of its group do not notice."""
    line = Lender()
    writes = GroupedWrites(line.borrow)
    leaves, stays = (asyncio.create_task(writes.write(of(key))) for key in "ab")
    await asyncio.sleep(0)
    leaves.cancel()
    assert await stays == "B" and line.trips == [["a", "b"]]
    with pytest.raises(asyncio.CancelledError):
        await leaves


async def test_the_end_waits_for_the_groups_under_way() -> None:
    line = Lender()
    writes = GroupedWrites(line.borrow)
    line.free.clear()
    asked = asyncio.create_task(writes.write(of("a")))
    await asyncio.sleep(0)
    end = asyncio.create_task(writes.aclose())
    await asyncio.sleep(0.01)
    assert not end.done()
    line.free.set()
    await end
    assert await asked == "A"


async def test_a_group_that_is_cancelled_says_so() -> None:
    """As at the end of the process: nobody waits for good."""
    line = Lender()
    writes = GroupedWrites(line.borrow)
    line.free.clear()
    asked = asyncio.create_task(writes.write(of("a")))
    await asyncio.sleep(0.01)
    for task in [*writes._running]:
        task.cancel()
    with pytest.raises(Unavailable, match="closed"):
        await asked
