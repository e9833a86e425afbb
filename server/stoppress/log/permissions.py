"""What this server's user in Redis has to be allowed, asked for at each new connection.

Rules: every command that the product calls is in `COMMANDS`, with the arguments by
which Redis finds its keys and channels; a test compares it with what the code calls.
CONFIG and CLIENT are optional: without them a server's settings are unknown, no more.
What is missing is one line, with the `ACL SETUSER` line that grants it.
"""

from __future__ import annotations

import json
from collections.abc import Sequence

from stoppress.domain.errors import NotPermitted
from stoppress.log.redis_commands import Command, LuaScript

SCRIPT = LuaScript("missing_rights")

KEYS, CHANNELS = "~stoppress:*", "&stoppress:*"
RULES = (
    f"{KEYS} {CHANNELS} +@read +@write +@connection -@dangerous "
    "+eval +evalsha +spublish +ssubscribe +sunsubscribe +time +info +config|get"
)
"""The rights of a single server, or of those whom Sentinels name."""
CLUSTER_RULES = f"{RULES} +cluster|nodes"
SENTINEL_RULES = "+sentinel|master +sentinel|get-master-addr-by-name"
"""The rights at a Sentinel."""

_KEY = "stoppress:key"

COMMANDS: tuple[tuple[str, ...], ...] = (
    ("INFO",),
    ("TIME",),
    ("EVALSHA", "0" * 40, "1", _KEY),
    ("SSUBSCRIBE", _KEY),
    ("SUNSUBSCRIBE", _KEY),
    ("SPUBLISH", _KEY, "message"),
    *(
        (name, _KEY, *rest.split())
        for name, rest in (
            ("DEL", ""),
            ("EXISTS", ""),
            ("EXPIRE", "1"),
            ("GET", ""),
            ("HDEL", "a"),
            ("HGET", "a"),
            ("HGETALL", ""),
            ("HMGET", "a"),
            ("HSCAN", "0"),
            ("HSET", "a b"),
            ("PERSIST", ""),
            ("SET", "a"),
            ("UNLINK", ""),
            ("XACK", "a 0"),
            ("XADD", "* a b"),
            ("XAUTOCLAIM", "a b 0 0"),
            ("XDEL", "0"),
            ("XRANGE", "- +"),
            ("XREVRANGE", "+ -"),
            ("ZADD", "0 a"),
            ("ZCARD", ""),
            ("ZCOUNT", "0 1"),
            ("ZRANGE", "0 1"),
            ("ZREM", "a"),
            ("ZREVRANGE", "0 1"),
        )
    ),
    ("XGROUP", "CREATE", _KEY, "a", "0"),
    ("XGROUP", "DELCONSUMER", _KEY, "a", "b"),
    ("XINFO", "CONSUMERS", _KEY, "a"),
    ("XREADGROUP", "GROUP", "a", "b", "STREAMS", _KEY, ">"),
)
"""What is called, but for EVAL, which asks, and what a write waits for."""

_CONTAINERS = frozenset({"XGROUP", "XINFO", "CONFIG", "CLUSTER"})
_FEW = 6
"""More commands than that are granted by the whole line."""


def question(commands: Sequence[tuple[str, ...]]) -> Command:
    """The command that asks which of these are not allowed (`missing_rights.lua`)."""
    # In small letters: what looks for a subscription in passing is not misled.
    asked = [(name.lower(), *rest) for name, *rest in commands]
    return ("EVAL", SCRIPT.source, 0, json.dumps(asked))


def lacking(
    commands: Sequence[tuple[str, ...]],
    missing: Sequence[int],
    user: str,
    rules: str = RULES,
) -> NotPermitted | None:
    """One line that says what is missing, and how to grant it; None if nothing is."""
    unknown = [commands[-number - 1][0] for number in missing if number < 0]
    if unknown:
        return renamed(", ".join(unknown))
    denied = [commands[number - 1] for number in missing]
    if not denied:
        return None
    names = [_right(command) for command in denied]
    wanted = [f"+{name}" for name in names]
    what = ", ".join(wanted)
    if any(_KEY in command for command in denied):
        wanted.append(KEYS)
    if any(name in ("spublish", "ssubscribe") for name in names):
        wanted.append(CHANNELS)
    if set(names) == {"spublish", "ssubscribe"}:
        what = f"the channels {CHANNELS} ({what})"
    grant = " ".join(wanted)
    if len(names) > _FEW:
        what, grant = f"the keys {KEYS} or commands ({what})", rules
    return NotPermitted(
        f"the Redis user lacks rights: {what}; grant them with "
        f"`ACL SETUSER {user} {grant}`"
    )


def renamed(names: str) -> NotPermitted:
    """A server does not know these commands."""
    return NotPermitted(
        f"this Redis has no command {names}: it is renamed or disabled there; take its "
        "`rename-command` away"
    )


def no_scripts(user: str, rules: str = RULES) -> NotPermitted:
    """The user may not even ask."""
    return NotPermitted(
        "the Redis user lacks rights: +eval, and perhaps others; grant them with "
        f"`ACL SETUSER {user} {rules}`"
    )


def _right(command: tuple[str, ...]) -> str:
    name = command[0].lower()
    return f"{name}|{command[1].lower()}" if command[0] in _CONTAINERS else name
