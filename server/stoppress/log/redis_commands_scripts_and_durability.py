"""Commands and scripts on one connection to Redis, and the durability of a write.

Rules:
- A call is one round trip: its commands are sent together, then all answers are read.
  No command is sent twice, except a script that the server does not know: it has had no
  effect, so its full text is sent.
- A write returns once the configured durability is confirmed.
- Commands are packed by hiredis: redis-py's own packing, in Python, took a fifth of
  what a write costs here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha1
from importlib.resources import files
from os import urandom
from typing import Any, NamedTuple, cast
from weakref import WeakKeyDictionary

from hiredis import pack_command
from redis.asyncio.connection import AbstractConnection
from redis.exceptions import NoScriptError, ResponseError

from stoppress.domain.errors import Unavailable

Key = bytes | str
Arg = Key | int
Command = tuple[Arg, ...]

EPOCH_BYTES = 5
_DIGITS = "abcdefghijklmnopqrstuvwxyz234567"
_PAIRS = tuple(one + other for one in _DIGITS for other in _DIGITS)

_OF_A_KEY = ("WRONGTYPE", "user_script", "ERR user_script")
"""How the errors begin that are caused by a key: its type, or its content."""

Lives = WeakKeyDictionary[AbstractConnection, str]
"""The data lineage of each checked connection, or "" if its server does not fsync every
write before it answers."""


@dataclass(frozen=True, slots=True)
class Durability:
    """What a write waits for, besides its own answer.

    `command` is sent with the write, on the same connection (`WAIT` and `WAITAOF` cover
    only their own connection), and must answer at least `at_least`. `sure`: the server
    must fsync every write.
    """

    command: Command = ()
    at_least: int = 0
    sure: bool = False


class LuaScript:
    """One Lua script, made of files in `lua/`."""

    def __init__(self, *names: str) -> None:
        folder = files(__package__) / "lua"
        self.source = b"".join((folder / f"{name}.lua").read_bytes() for name in names)
        self.sha = sha1(self.source, usedforsecurity=False).hexdigest()


class ScriptRun(NamedTuple):
    """One call of a script."""

    script: LuaScript
    keys: Sequence[Key]
    args: Sequence[Arg]


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
        """The data's lineage if every write is fsynced before its answer, else ""."""
        return self._lives.get(self._connection, "")

    @property
    def database(self) -> int:
        """The number of the connection's database."""
        return int(cast(Any, self._connection).db or 0)

    async def ask(self, *commands: Command) -> list[Any]:
        """The answers, in order; an answer may be a ResponseError."""
        connection = self._connection
        packed = b"".join(map(_packed, commands))
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
        """Run a script without waiting for the durability of its writes."""
        return _good((await self._run(script, keys, args, ()))[0])

    async def read_each(
        self, script: LuaScript, runs: Sequence[tuple[Sequence[Key], Sequence[Arg]]]
    ) -> list[Any]:
        """Run a script once for each pair of keys and args, in one round trip.

        An answer is a ResponseError if the keys of that run are damaged.
        """
        answers = await self.ask(*(_call(script, *run) for run in runs))
        again = [i for i, one in enumerate(answers) if isinstance(one, NoScriptError)]
        if again:
            repeated = await self.ask(*(_full(script, *runs[i]) for i in again))
            for i, one in zip(again, repeated, strict=True):
                answers[i] = one
        return [_damaged(answer) or _good(answer) for answer in answers]

    async def read_damaged(self, *commands: Command) -> list[Any]:
        """The answers, in order; a ResponseError if a key is damaged."""
        answers = await self.ask(*commands)
        return [_damaged(answer) or _good(answer) for answer in answers]

    async def write(
        self, script: LuaScript, keys: Sequence[Key], args: Sequence[Arg]
    ) -> Any:
        """Run a script; returns once the configured durability is confirmed."""
        if self._confirm.sure and not self.life:
            raise Unavailable("Redis no longer runs with appendfsync always")
        return await self._confirmed(
            await self._run(script, keys, args, self._confirm.command)
        )

    async def write_each(self, runs: Sequence[ScriptRun]) -> list[Any]:
        """Run scripts in one round trip, and confirm them together, like one write.

        An answer is a ResponseError if its run was refused; it may be a list with a
        ResponseError for each part of the run that was.
        """
        if self._confirm.sure and not self.life:
            raise Unavailable("Redis no longer runs with appendfsync always")
        answers = await self._ask_confirmed([_call(*run) for run in runs])
        again = [i for i, one in enumerate(answers) if isinstance(one, NoScriptError)]
        if again:
            repeated = await self._ask_confirmed([_full(*runs[i]) for i in again])
            for i, one in zip(again, repeated, strict=True):
                answers[i] = one
        return answers

    async def _ask_confirmed(self, commands: list[Command]) -> list[Any]:
        """The answers; waits for durability, unless all of them are refusals."""
        confirm = self._confirm.command
        if not confirm:
            return await self.ask(*commands)
        *answers, confirmed = await self.ask(*commands, confirm)
        if not all(map(_is_refusal, answers)):
            self._check_confirmed(confirmed)
        return answers

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
            self._check_confirmed(answers[1])
        return answer

    def _check_confirmed(self, answer: Any) -> None:
        """Raise Unavailable if a write has not reached the configured durability."""
        confirmed = _good(answer)
        count = confirmed[0] if isinstance(confirmed, list) else confirmed
        if count < self._confirm.at_least:
            name = str(self._confirm.command[0])
            raise Unavailable(
                f"the write is not confirmed: {name} answers {count}, "
                f"{self._confirm.at_least} is required"
            )


def new_epoch() -> str:
    """Eight random characters, 40 bits."""
    return epoch_of(urandom(EPOCH_BYTES))


def epoch_of(random: bytes) -> str:
    """The epoch of EPOCH_BYTES random bytes, in base 32."""
    number = int.from_bytes(random)
    return (
        _PAIRS[number >> 30]
        + _PAIRS[number >> 20 & 1023]
        + _PAIRS[number >> 10 & 1023]
        + _PAIRS[number & 1023]
    )


def _packed(command: Command) -> bytes:
    packed: bytes = pack_command(command)  # type: ignore[arg-type]  # typed as one word
    return packed


def _call(script: LuaScript, keys: Sequence[Key], args: Sequence[Arg]) -> Command:
    return ("EVALSHA", script.sha, len(keys), *keys, *args)


def _full(script: LuaScript, keys: Sequence[Key], args: Sequence[Arg]) -> Command:
    return ("EVAL", script.source, len(keys), *keys, *args)


def _damaged(answer: Any) -> ResponseError | None:
    """The error, if the content of a key caused it, and not the server."""
    if isinstance(answer, ResponseError) and str(answer).startswith(_OF_A_KEY):
        return answer
    return None


def _is_refusal(answer: Any) -> bool:
    """Whether nothing was written: an error, or an error for each write of a call."""
    if isinstance(answer, list) and answer:
        return all(isinstance(one, ResponseError) for one in answer)
    return isinstance(answer, ResponseError)


def _good(answer: Any) -> Any:
    if isinstance(answer, ResponseError):
        raise answer
    return answer
