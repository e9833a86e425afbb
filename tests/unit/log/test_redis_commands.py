"""What is said on one connection: one round trip, and what a write waits for."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import Any, cast
from weakref import WeakKeyDictionary

import pytest
from redis.asyncio.connection import AbstractConnection
from redis.exceptions import NoScriptError, ResponseError

from stoppress.domain.errors import Unavailable
from stoppress.log.redis_commands import (
    Command,
    Durability,
    Lives,
    LuaScript,
    RedisCommands,
    new_epoch,
)

pytestmark = pytest.mark.asyncio
SCRIPT = LuaScript("require_primary", "publish_probe")


class Scripted:
    """A connection that answers as it is told, and notes each round trip."""

    def __init__(self, *answers: object) -> None:
        self.answers = deque(answers)
        self.trips: list[list[Command]] = []

    def pack_command(self, *command: object) -> list[object]:
        return [command]

    def pack_commands(self, commands: Sequence[object]) -> list[object]:
        return list(commands)

    async def send_packed_command(self, packed: Any, **_: object) -> None:
        self.trips.append(packed)

    async def read_response(self, **_: object) -> object:
        answer = self.answers.popleft()
        if isinstance(answer, Exception):
            raise answer
        return answer


def talk(
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
    first, second, third = await talk(line).ask(("A",), ("B", 1), ("C",))
    assert (first, third) == (b"1", b"3") and isinstance(second, ResponseError)
    assert line.trips == [[("A",), ("B", 1), ("C",)]]
    with pytest.raises(ResponseError, match="no"):
        await talk(Scripted(b"1", ResponseError("no"))).all(("A",), ("B",))
    with pytest.raises(ResponseError, match="no"):
        await talk(Scripted(ResponseError("no"))).one("A")


async def test_a_script_is_sent_by_its_digest() -> None:
    """Its text goes only to a server that does not know it: that has not run it."""
    line = Scripted(NoScriptError("who?"), b"ok")
    assert await talk(line).read(SCRIPT, ["k"], [7]) == b"ok"
    known, told = line.trips
    assert known == [("EVALSHA", SCRIPT.sha, 1, "k", 7)]
    assert told == [("EVAL", SCRIPT.source, 1, "k", 7)]


async def test_of_many_runs_only_those_are_repeated_that_did_not_run() -> None:
    """And each answer stands where its run did."""
    line = Scripted(NoScriptError("who?"), b"two", NoScriptError("who?"), b"1", b"3")
    runs: list[tuple[list[str], list[int]]] = [(["a"], []), (["b"], []), (["c"], [])]
    assert await talk(line).read_each(SCRIPT, runs) == [b"1", b"two", b"3"]
    assert [command[3] for command in line.trips[1]] == ["a", "c"]


async def test_a_write_is_confirmed_on_its_own_connection() -> None:
    """In the same round trip; what is confirmed by too few is not."""
    confirm = Durability(("WAIT", 1, 1000), at_least=1)
    line = Scripted(b"done", 1)
    assert await talk(line, confirm).write(SCRIPT, [], []) == b"done"
    assert line.trips[0][1] == ("WAIT", 1, 1000)
    assert await talk(Scripted(b"done", [1, 0]), confirm).write_one("SET") == b"done"
    with pytest.raises(Unavailable, match="WAIT says 0, 1 is asked for"):
        await talk(Scripted(b"done", 0), confirm).write_one("SET", "a", "b")
    with pytest.raises(ResponseError):
        await talk(Scripted(ResponseError("no"), 1), confirm).write_one("SET")


async def test_where_nothing_is_waited_for_nothing_is_asked() -> None:
    line = Scripted(b"done")
    assert await talk(line).write_one("SET", "a", "b") == b"done"
    assert line.trips == [[("SET", "a", "b")]]


async def test_what_has_to_be_sure_is_not_sent_where_it_is_not() -> None:
    """A server that no longer fsyncs: before anything is written."""
    sure = Durability(sure=True)
    for life in (None, ""):
        line = Scripted()
        with pytest.raises(Unavailable, match="appendfsync always"):
            await talk(line, sure, life).write(SCRIPT, [], [])
        with pytest.raises(Unavailable, match="appendfsync always"):
            await talk(line, sure, life).write_one("SET")
        assert line.trips == []
    assert await talk(Scripted(b"ok"), sure, "k3v9").write(SCRIPT, [], []) == b"ok"


async def test_an_epoch_is_never_made_twice() -> None:
    """Eight characters that a cursor may have."""
    made = {new_epoch() for _ in range(1000)}
    assert len(made) == 1000
    assert all(one.isalnum() and one == one.lower() and len(one) == 8 for one in made)
