"""What is said on one connection to Redis: commands, scripts, what a write waits for.

Rules:
- A call is one round trip: its commands are packed together, then all answers are
  read. Nothing is ever sent twice, but for a script that the server says it does
  not know: that one has not run.
- A write is answered when what it wrote is as safe as is asked for.
"""

from __future__ import annotations

from base64 import b32encode
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha1
from importlib.resources import files
from os import urandom
from typing import Any, cast
from weakref import WeakKeyDictionary

from redis.asyncio.connection import AbstractConnection
from redis.exceptions import NoScriptError, ResponseError

from stoppress.domain.errors import Unavailable

Key = bytes | str
Arg = Key | int
Command = tuple[Arg, ...]

_OF_A_KEY = ("WRONGTYPE", "user_script", "ERR user_script")
"""How errors begin that say what is wrong with a key: its type, or what it holds."""

Lives = WeakKeyDictionary[AbstractConnection, str]
"""Connections that were greeted; where every write is fsynced before it is answered,
with the line of descent of the data there, elsewhere with ""."""


@dataclass(frozen=True, slots=True)
class Durability:
    """What a write waits for, beside its own answer.

    `command` goes out with the write, on the same connection (`WAIT` and `WAITAOF`
    speak for their own connection alone), and has to answer with `at_least`.
    `sure`: the server has to be one that fsyncs every write.
    """

    command: Command = ()
    at_least: int = 0
    sure: bool = False


class LuaScript:
    """One Lua script, put together of files in `lua/`."""

    def __init__(self, *names: str) -> None:
        folder = files(__package__) / "lua"
        self.source = b"".join((folder / f"{name}.lua").read_bytes() for name in names)
        self.sha = sha1(self.source, usedforsecurity=False).hexdigest()


class RedisCommands:
    """A borrowed connection."""

    def __init__(
        self, connection: AbstractConnection, lives: Lives, confirm: Durability
    ) -> None:
        self._connection = connection
        self._lives = lives
        self._confirm = confirm

    @property
    def life(self) -> str:
        """The data's line of descent, if every write is fsynced before it is answered.

        Else "".
        """
        return self._lives.get(self._connection, "")

    @property
    def database(self) -> int:
        """The number of the database that it talks to."""
        return int(cast(Any, self._connection).db or 0)

    async def ask(self, *commands: Command) -> list[Any]:
        """The answers, in order; an answer may be a ResponseError."""
        connection = self._connection
        if len(commands) == 1:
            packed = connection.pack_command(*commands[0])
        else:
            packed = connection.pack_commands(commands)
        await connection.send_packed_command(packed, check_health=False)
        answers: list[Any] = []
        for _ in commands:
            try:
                answers.append(await connection.read_response(disable_decoding=True))
            except ResponseError as refused:
                answers.append(refused)
        return answers

    async def all(self, *commands: Command) -> list[Any]:
        """The answers, in order. Raises ResponseError."""
        return [_good(answer) for answer in await self.ask(*commands)]

    async def one(self, *command: Arg) -> Any:
        """The answer to one command. Raises ResponseError."""
        return _good((await self.ask(command))[0])

    async def read(
        self, script: LuaScript, keys: Sequence[Key], args: Sequence[Arg]
    ) -> Any:
        """Run a script whose writes, if any, nobody waits for."""
        return _good((await self._run(script, keys, args, ()))[0])

    async def read_each(
        self, script: LuaScript, runs: Sequence[tuple[Sequence[Key], Sequence[Arg]]]
    ) -> list[Any]:
        """Run a script once for each pair of keys and args, in one round trip.

        An answer is a ResponseError where the keys of that run are damaged.
        """
        answers = await self.ask(*(_call(script, *run) for run in runs))
        again = [i for i, one in enumerate(answers) if isinstance(one, NoScriptError)]
        if again:
            repeated = await self.ask(*(_full(script, *runs[i]) for i in again))
            for i, one in zip(again, repeated, strict=True):
                answers[i] = one
        return [_damaged(answer) or _good(answer) for answer in answers]

    async def read_damaged(self, *commands: Command) -> list[Any]:
        """The answers, in order; a ResponseError where a key is damaged."""
        answers = await self.ask(*commands)
        return [_damaged(answer) or _good(answer) for answer in answers]

    async def write(
        self, script: LuaScript, keys: Sequence[Key], args: Sequence[Arg]
    ) -> Any:
        """Run a script, and wait until what it wrote is as safe as is asked for."""
        if self._confirm.sure and not self.life:
            raise Unavailable("Redis no longer runs with appendfsync always")
        return await self._confirmed(
            await self._run(script, keys, args, self._confirm.command)
        )

    async def write_one(self, *command: Arg) -> Any:
        """Like `write`, for one plain command."""
        if self._confirm.sure and not self.life:
            raise Unavailable("Redis no longer runs with appendfsync always")
        confirm = self._confirm.command
        return await self._confirmed(
            await self.ask(command, *((confirm,) if confirm else ()))
        )

    async def _run(
        self,
        script: LuaScript,
        keys: Sequence[Key],
        args: Sequence[Arg],
        after: Command,
    ) -> list[Any]:
        rest = (after,) if after else ()
        answers = await self.ask(_call(script, keys, args), *rest)
        if isinstance(answers[0], NoScriptError):
            answers = await self.ask(_full(script, keys, args), *rest)
        return answers

    async def _confirmed(self, answers: list[Any]) -> Any:
        answer = _good(answers[0])
        if self._confirm.command:
            confirmed = _good(answers[1])
            count = confirmed[0] if isinstance(confirmed, list) else confirmed
            if count < self._confirm.at_least:
                name = str(self._confirm.command[0])
                raise Unavailable(
                    f"the write is not confirmed: {name} says {count}, "
                    f"{self._confirm.at_least} is asked for"
                )
        return answer


def new_epoch() -> str:
    """Eight random characters, 40 bits."""
    return b32encode(urandom(5)).decode().lower()


def _call(script: LuaScript, keys: Sequence[Key], args: Sequence[Arg]) -> Command:
    return ("EVALSHA", script.sha, len(keys), *keys, *args)


def _full(script: LuaScript, keys: Sequence[Key], args: Sequence[Arg]) -> Command:
    return ("EVAL", script.source, len(keys), *keys, *args)


def _damaged(answer: Any) -> ResponseError | None:
    """The error, if it is the fault of what a key holds, and not of the server."""
    if isinstance(answer, ResponseError) and str(answer).startswith(_OF_A_KEY):
        return answer
    return None


def _good(answer: Any) -> Any:
    if isinstance(answer, ResponseError):
        raise answer
    return answer
