"""What is said on one connection: one round trip, and what a write waits for."""

from __future__ import annotations

from collections import deque
from typing import cast
from weakref import WeakKeyDictionary

import hiredis
import pytest
from redis.asyncio.connection import AbstractConnection
from redis.exceptions import NoScriptError, ResponseError

from stoppress.domain.errors import Unavailable
from stoppress.log.redis_commands_scripts_and_durability import (
    Command,
    Durability,
    Lives,
    LuaScript,
    RedisCommands,
    ScriptRun,
    new_epoch,
)

pytestmark = pytest.mark.asyncio
SCRIPT = LuaScript("require_primary", "publish_probe")


class Scripted:
    """A connection that answers as it is told, and notes each round trip."""

    def __init__(self, *answers: object) -> None:
        self.answers = deque(answers)
        self.trips: list[list[Command]] = []

    async def send_packed_command(self, packed: bytes, **_: object) -> None:
        reader = hiredis.Reader()
        reader.feed(packed)
        commands: list[Command] = []
        while isinstance(words := reader.gets(), list):
            commands.append(tuple(_read(word) for word in words))
        self.trips.append(commands)

    async def read_response(self, **_: object) -> object:
        answer = self.answers.popleft()
        if isinstance(answer, Exception):
            raise answer
        return answer


def _read(word: bytes) -> str | int:
    text = word.decode()
    return int(text) if text.isdecimal() else text


def redis_answering(
    connection: Scripted, confirm: Durability | None = None, life: str | None = None
) -> RedisCommands:
    lives: Lives = WeakKeyDictionary()
    line = cast(AbstractConnection, connection)
    if life is not None:
        lives[line] = life
    return RedisCommands(line, lives, confirm or Durability())


async def test_all_commands_are_one_round_trip() -> None:
    """A refusal of one is an answer; asked for all, it is raised."""
    line = Scripted(b"1", ResponseError("no"), b"3")
    first, second, third = await redis_answering(line).ask(("A",), ("B", 1), ("C",))
    assert (first, third) == (b"1", b"3") and isinstance(second, ResponseError)
    assert line.trips == [[("A",), ("B", 1), ("C",)]]
    with pytest.raises(ResponseError, match="no"):
        await redis_answering(Scripted(b"1", ResponseError("no"))).all(("A",), ("B",))
    with pytest.raises(ResponseError, match="no"):
        await redis_answering(Scripted(ResponseError("no"))).one("A")


async def test_a_script_is_sent_by_its_digest() -> None:
    """Its text goes only to a server that does not know it: that has not run it."""
    line = Scripted(NoScriptError("who?"), b"ok")
    assert await redis_answering(line).read(SCRIPT, ["k"], [7]) == b"ok"
    known, reported = line.trips
    assert known == [("EVALSHA", SCRIPT.sha, 1, "k", 7)]
    assert reported == [("EVAL", SCRIPT.source.decode(), 1, "k", 7)]


async def test_of_many_runs_only_those_are_repeated_that_did_not_run() -> None:
    """And each answer stands where its run did."""
    line = Scripted(NoScriptError("who?"), b"two", NoScriptError("who?"), b"1", b"3")
    runs: list[tuple[list[str], list[int]]] = [(["a"], []), (["b"], []), (["c"], [])]
    assert await redis_answering(line).read_each(SCRIPT, runs) == [b"1", b"two", b"3"]
    assert [command[3] for command in line.trips[1]] == ["a", "c"]


async def test_a_write_is_confirmed_on_its_own_connection() -> None:
    """In the same round trip; what is confirmed by too few is not."""
    confirm = Durability(("WAIT", 1, 1000), at_least=1)
    line = Scripted(b"done", 1)
    assert await redis_answering(line, confirm).write(SCRIPT, [], []) == b"done"
    assert line.trips[0][1] == ("WAIT", 1, 1000)
    assert (
        await redis_answering(Scripted(b"done", [1, 0]), confirm).write_one("SET")
        == b"done"
    )
    with pytest.raises(Unavailable, match="WAIT answers 0, 1 is required"):
        await redis_answering(Scripted(b"done", 0), confirm).write_one("SET", "a", "b")
    with pytest.raises(ResponseError):
        await redis_answering(Scripted(ResponseError("no"), 1), confirm).write_one(
            "SET"
        )


async def test_writes_in_one_round_trip_are_confirmed_once() -> None:
    """A refusal is an answer; where all are refused, there is nothing to confirm."""
    confirm = Durability(("WAIT", 1, 1000), at_least=1)
    runs = [ScriptRun(SCRIPT, [key], []) for key in "abc"]
    no = ResponseError("no")
    line = Scripted(b"1", no, b"3", 1)
    assert await redis_answering(line, confirm).write_each(runs) == [b"1", no, b"3"]
    assert [command[0] for command in line.trips[0]] == [*["EVALSHA"] * 3, "WAIT"]
    with pytest.raises(Unavailable, match="WAIT answers 0"):
        await redis_answering(Scripted(b"1", no, b"3", 0), confirm).write_each(runs)
    assert (
        await redis_answering(Scripted(no, no, no, 0), confirm).write_each(runs)
        == [no] * 3
    )
    parts = [[no, b"1"], [no, no], no]
    assert await redis_answering(Scripted(*parts, 1), confirm).write_each(runs) == parts
    with pytest.raises(Unavailable, match="WAIT answers 0"):
        await redis_answering(Scripted(*parts, 0), confirm).write_each(runs)
    refused = [[no, no], no, [no]]
    line = Scripted(*refused, 0)
    assert await redis_answering(line, confirm).write_each(runs) == refused
    assert await redis_answering(Scripted(b"1", b"2", b"3")).write_each(runs) == [
        b"1",
        b"2",
        b"3",
    ]


async def test_of_many_writes_only_those_are_repeated_that_were_not_made() -> None:
    """And waited for again."""
    confirm = Durability(("WAIT", 1, 1000), at_least=1)
    line = Scripted(NoScriptError("who?"), b"2", 1, b"1", 1)
    runs = [ScriptRun(SCRIPT, [key], []) for key in "ab"]
    assert await redis_answering(line, confirm).write_each(runs) == [b"1", b"2"]
    assert [command[0] for command in line.trips[1]] == ["EVAL", "WAIT"]
    assert line.trips[1][0][3] == "a"
    with pytest.raises(Unavailable, match="appendfsync always"):
        await redis_answering(Scripted(), Durability(sure=True), "").write_each(runs)


async def test_a_write_without_durability_sends_no_wait() -> None:
    line = Scripted(b"done")
    assert await redis_answering(line).write_one("SET", "a", "b") == b"done"
    assert line.trips == [[("SET", "a", "b")]]


async def test_a_write_that_needs_fsync_is_not_sent_to_a_server_without_it() -> None:
    """A server that no longer fsyncs: before anything is written."""
    sure = Durability(sure=True)
    for life in (None, ""):
        line = Scripted()
        with pytest.raises(Unavailable, match="appendfsync always"):
            await redis_answering(line, sure, life).write(SCRIPT, [], [])
        with pytest.raises(Unavailable, match="appendfsync always"):
            await redis_answering(line, sure, life).write_one("SET")
        assert line.trips == []
    assert (
        await redis_answering(Scripted(b"ok"), sure, "k3v9").write(SCRIPT, [], [])
        == b"ok"
    )


async def test_an_epoch_is_never_made_twice() -> None:
    """Eight characters that a cursor may have."""
    made = {new_epoch() for _ in range(1000)}
    assert len(made) == 1000
    assert all(one.isalnum() and one == one.lower() and len(one) == 8 for one in made)
