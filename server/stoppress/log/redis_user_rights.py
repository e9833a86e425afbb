"""The rights that this server's user in Redis needs, checked at each new connection.

Rules: every command that the server calls is in `COMMANDS`, with the arguments in which
Redis finds its keys and channels; a test compares the list with the code. CONFIG and
CLIENT are optional: without them only the server's settings are unknown. Missing rights
are reported in one line, with the `ACL SETUSER` line that grants them.
"""

from __future__ import annotations

import json
from collections.abc import Sequence

from stoppress.domain.errors import NotPermitted
from stoppress.log.redis_commands_scripts_and_durability import Command, LuaScript

SCRIPT = LuaScript("missing_acl_rights")

KEYS, CHANNELS = "~stoppress:*", "&stoppress:*"
RULES = (
    f"{KEYS} {CHANNELS} +@read +@write +@connection -@dangerous "
    "+eval +evalsha +spublish +ssubscribe +sunsubscribe +time +info +config|get"
)
"""The rights on a single server, or on servers named by Sentinels."""
CLUSTER_RULES = f"{RULES} +cluster|nodes"
SENTINEL_RULES = "+sentinel|master +sentinel|get-master-addr-by-name"
"""The rights on a Sentinel."""

_KEY = "stoppress:key"

COMMANDS: tuple[tuple[str, ...], ...] = (
    ("INFO",),
    ("TIME",),
    ("ECHO", "text"),
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
            ("HLEN", ""),
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
            ("XTRIM", "MAXLEN 1"),
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
"""The commands that are called, except EVAL and what a write waits for."""

_CONTAINERS = frozenset({"XGROUP", "XINFO", "CONFIG", "CLUSTER"})
_FEW = 6
"""If more commands than this are missing, the line grants all rights."""


def question(commands: Sequence[tuple[str, ...]]) -> Command:
    """The command that lists those not allowed (`missing_acl_rights.lua`)."""
    # In lower case, so that tools that look for SUBSCRIBE in traffic are not misled.
    asked = [(name.lower(), *rest) for name, *rest in commands]
    return ("EVAL", SCRIPT.source, 0, json.dumps(asked))


def lacking(
    commands: Sequence[tuple[str, ...]],
    missing: Sequence[int],
    user: str,
    rules: str = RULES,
) -> NotPermitted | None:
    """One line with the missing rights and how to grant them; None if all are there."""
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
    """The server does not know these commands."""
    return NotPermitted(
        f"this Redis has no command {names}: it is renamed or disabled there: remove "
        "its `rename-command`"
    )


def no_scripts(user: str, rules: str = RULES) -> NotPermitted:
    """The user may not even run the check."""
    return NotPermitted(
        "the Redis user lacks rights: +eval, and perhaps others; grant them with "
        f"`ACL SETUSER {user} {rules}`"
    )


def _right(command: tuple[str, ...]) -> str:
    name = command[0].lower()
    return f"{name}|{command[1].lower()}" if command[0] in _CONTAINERS else name
