"""The link to Redis: a bounded pool of connections, one borrowed for each call.

Rules:
- A call is one round trip: its commands are packed together, then all answers are
  read. Nothing is ever sent twice, but for a script that the server says it does
  not know: that one has not run.
- Everything has the same time (`redis_timeout`), from waiting for a connection to
  the last answer. What can't be answered is Unavailable, and of a write nobody
  knows then whether it happened.
- Each connection is looked at when it is made: whether the server behind it fsyncs
  every write before it answers, and of which line of descent its data are. Behind
  the same address there may be another server by then.
- A connection on which a call did not end well is closed, not reused.
"""

from __future__ import annotations

import asyncio
from base64 import b32encode
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from hashlib import sha1
from importlib.resources import files
from os import urandom
from typing import Any, cast
from weakref import WeakKeyDictionary

from redis.asyncio.connection import AbstractConnection, ConnectionPool
from redis.exceptions import (
    AuthenticationError,
    NoScriptError,
    RedisError,
    ResponseError,
)

from stoppress.domain.errors import Unavailable

Arg = bytes | str | int
Command = tuple[Arg, ...]

Lives = WeakKeyDictionary[AbstractConnection, str]
"""Connections behind which every write is fsynced before it is answered, and the line
of descent of the data there."""

CONNECTIONS = 32
"""Connections a process takes for calls; who finds none waits for one."""

_NOT_NOW = ("BUSY ", "MISCONF", "NOREPLICAS")
"""Refusals that are about the server's state, and have no class of their own."""


@dataclass(frozen=True, slots=True)
class Confirm:
    """What a write waits for, beside its own answer.

    `command` goes out with the write, on the same connection (`WAIT` and `WAITAOF`
    speak for their own connection alone), and has to answer with `at_least`.
    `sure`: the server has to be one that fsyncs every write.
    """

    command: Command = ()
    at_least: int = 0
    sure: bool = False


class Script:
    """One Lua script, put together of files in `lua/`."""

    def __init__(self, *names: str) -> None:
        folder = files(__package__) / "lua"
        self.source = b"".join((folder / f"{name}.lua").read_bytes() for name in names)
        self.sha = sha1(self.source, usedforsecurity=False).hexdigest()


class Talk:
    """A borrowed connection."""

    def __init__(
        self, connection: AbstractConnection, lives: Lives, confirm: Confirm
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

    async def one(self, *command: Arg) -> Any:
        """The answer to one command. Raises ResponseError."""
        return _good((await self.ask(command))[0])

    async def read(
        self, script: Script, keys: Sequence[str], args: Sequence[Arg]
    ) -> Any:
        """Run a script whose writes, if any, nobody waits for."""
        return _good((await self._run(script, keys, args, ()))[0])

    async def read_each(
        self, script: Script, runs: Sequence[tuple[Sequence[str], Sequence[Arg]]]
    ) -> list[Any]:
        """Run a script once for each pair of keys and args, in one round trip."""
        answers = await self.ask(*(_call(script, *run) for run in runs))
        again = [i for i, one in enumerate(answers) if isinstance(one, NoScriptError)]
        if again:
            repeated = await self.ask(*(_full(script, *runs[i]) for i in again))
            for i, one in zip(again, repeated, strict=True):
                answers[i] = one
        return [_good(answer) for answer in answers]

    async def write(
        self, script: Script, keys: Sequence[str], args: Sequence[Arg]
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
        script: Script,
        keys: Sequence[str],
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


def _call(script: Script, keys: Sequence[str], args: Sequence[Arg]) -> Command:
    return ("EVALSHA", script.sha, len(keys), *keys, *args)


def _full(script: Script, keys: Sequence[str], args: Sequence[Arg]) -> Command:
    return ("EVAL", script.source, len(keys), *keys, *args)


def _good(answer: Any) -> Any:
    if isinstance(answer, ResponseError):
        raise answer
    return answer


class Link:
    """Connections to one Redis or Valkey. Made by `connect`."""

    def __init__(self, pool: ConnectionPool, lives: Lives, timeout_s: float) -> None:
        self.timeout_s = timeout_s
        self.confirm = Confirm()
        self._pool = pool
        self._lives = lives
        self._free: list[AbstractConnection] = []
        self._permits = asyncio.Semaphore(CONNECTIONS)
        self._closed = False

    @asynccontextmanager
    async def talk(self) -> AsyncIterator[Talk]:
        """Borrow a connection. Raises Unavailable, also for what happens inside."""
        with unavailable():
            async with asyncio.timeout(self.timeout_s), self._permits:
                if self._closed:
                    raise Unavailable("the link to Redis is closed")
                connection = self._free.pop() if self._free else self.make_connection()
                try:
                    await self._pool.ensure_connection(connection)
                    yield Talk(connection, self._lives, self.confirm)
                finally:
                    # redis-py has closed it if a call was cut in the middle.
                    if self._closed:
                        await _drop(connection)
                    elif connection.is_connected:
                        self._free.append(connection)

    def make_connection(self) -> AbstractConnection:
        """A connection outside the pool, to be connected and closed by the caller."""
        connection = self._pool.make_connection()  # type: ignore[no-untyped-call]
        return cast(AbstractConnection, connection)

    async def aclose(self) -> None:
        """Close every connection; those in use when they are given back."""
        self._closed = True
        while self._free:
            await _drop(self._free.pop())


async def _drop(connection: AbstractConnection) -> None:
    with suppress(Exception):
        await connection.disconnect(nowait=True)


class unavailable:  # reads as a statement: `with unavailable():`
    """What goes wrong between us and Redis becomes Unavailable."""

    def __enter__(self) -> None:
        return

    def __exit__(self, kind: Any, wrong: BaseException | None, trace: Any) -> None:
        if isinstance(wrong, AuthenticationError):
            raise Unavailable("Redis refuses the user or the password") from wrong
        if isinstance(wrong, ResponseError):
            # Those with a class are about the server's state or set-up; those without
            # (but for the above) are our own mistakes.
            if type(wrong) is not ResponseError or str(wrong).startswith(_NOT_NOW):
                raise Unavailable(f"Redis refuses: {wrong}") from wrong
            return
        if isinstance(wrong, TimeoutError):
            raise Unavailable("Redis did not answer in time") from wrong
        if isinstance(wrong, RedisError | OSError):
            raise Unavailable("Redis is away") from wrong
