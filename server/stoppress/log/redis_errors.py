"""Errors of Redis and of the connection to it, each as one sentence for operators.

Rules: each cause has its own sentence, with the words of Redis and what to change. What
Redis repeats of a command (`with args beginning with`) may contain a password and is
cut off. Every error is Unavailable, except those that only a fault of this code can
cause.
"""

from __future__ import annotations

import re
import ssl
from collections.abc import Iterator
from typing import Any

from redis.exceptions import (
    AskError,
    AuthenticationError,
    BusyLoadingError,
    ClusterDownError,
    InvalidResponse,
    MovedError,
    NoPermissionError,
    OutOfMemoryError,
    ReadOnlyError,
    RedisError,
    ResponseError,
    TryAgainError,
)
from redis.exceptions import TimeoutError as RedisTimeoutError

from stoppress.domain.errors import NotPermitted, Unavailable

_WHERE = re.compile(r" script: (?:[0-9a-f]{40}, )?on @user_script.*", re.DOTALL)
_IN_A_SCRIPT = ("The user executing the script can't", "ACL failure in script")
"""How Redis and Valkey begin if a script calls what its user may not call."""
_SENTENCES: tuple[tuple[str, str], ...] = (
    ("OOM", "Redis is full: raise its maxmemory, or free memory there"),
    ("MISCONF", "Redis refuses writes, as it can't save to its disk: see its log"),
    ("NOREPLICAS", "Redis refuses writes, as too few replicas follow it"),
    ("BUSY", "Redis is busy with a script"),
    ("MASTERDOWN", "this Redis has lost its primary"),
)
"""Refusals that are about the server's state."""


class NotPrimary(Unavailable):
    """The server at this address is a replica."""


class SlotMoving(Unavailable):
    """The keys move to another server, have moved, or are on none; nothing was done."""


class ClusterDown(SlotMoving):
    """The server refuses, as others are gone; nothing was done, and it may end soon."""


class NobodyAnswers(Unavailable):
    """No server says which of them has which keys; one may a moment later."""


class LoginRefused(Unavailable):
    """Redis refuses the user or the password, or asks for one."""


class WrongAddress(Unavailable):
    """The server at this address can't be used: another address is needed."""


_NEEDED_BY_ADDRESS = re.compile(r"^unknown command '?(AUTH|SELECT)\b", re.IGNORECASE)
"""Sent first on a connection, for a password or a database number."""


def said(error: BaseException) -> str:
    """The words of Redis, without the place in a script and a command's values."""
    text = _WHERE.sub("", str(error))
    return text.partition(", with args beginning with")[0].strip()


def why(wrong: BaseException) -> Unavailable | None:
    """The error as Unavailable; None if only a fault of this code can cause it."""
    # An answer of Redis needs no other cause.
    causes = (wrong,) if isinstance(wrong, ResponseError) else _causes(wrong)
    for cause in causes:
        found = _known(cause)
        if found is not None:
            return found
    if isinstance(wrong, ResponseError):
        # Errors with a class are about the server's state or set-up; those without are
        # faults of this code.
        if type(wrong) is ResponseError:
            return None
        return Unavailable(f"Redis refuses: {said(wrong)}")
    if isinstance(wrong, RedisError | OSError):
        return Unavailable(_away(wrong))
    return None


def _causes(wrong: BaseException) -> Iterator[BaseException]:
    cause: BaseException | None = wrong
    while cause is not None:
        yield cause
        cause = cause.__cause__ or cause.__context__


def _known(error: BaseException) -> Unavailable | None:
    """The meaning of this error; None if its cause says more."""
    text = said(error)
    if isinstance(error, RedisError) and text.startswith("max number of clients"):
        return Unavailable(
            f"Redis takes no more connections ({text}): raise its maxclients"
        )
    match error:
        case BusyLoadingError():
            return Unavailable("Redis is loading its data (LOADING)")
        case AuthenticationError():
            if text.startswith(("Authentication required", "NOAUTH")):
                return LoginRefused(
                    "Redis asks for a password (NOAUTH): use user and password in the "
                    "address"
                )
            return LoginRefused(
                "Redis refuses the user or the password (WRONGPASS): correct them in "
                "the address; odd characters there are percent-encoded"
            )
        case ReadOnlyError():
            return NotPrimary("this Redis is a replica (READONLY)")
        case MovedError() | AskError() | TryAgainError():
            return SlotMoving(f"the slot is moving: {text}")
        case NoPermissionError():
            return NotPermitted(f"the Redis user lacks a right (NOPERM): {text}")
        case OutOfMemoryError():
            return Unavailable(f"{_SENTENCES[0][1]} (OOM {text})")
        case ClusterDownError():
            return ClusterDown(f"the cluster is down: {text}")
        case InvalidResponse():
            return Unavailable("the server at this address is not a Redis")
        case ResponseError():
            return _refusal(text)
        case ssl.SSLCertVerificationError():
            return Unavailable(
                "the certificate of Redis is not trusted: "
                f"{error.verify_message}; set its authority with ssl_ca_certs"
            )
        case ssl.SSLError():
            return Unavailable(
                f"no TLS with Redis: {getattr(error, 'reason', '') or error}"
            )
        case TimeoutError() | RedisTimeoutError():
            return Unavailable("Redis did not answer in time")
    return None


def _refusal(text: str) -> Unavailable | None:
    if text.startswith(_IN_A_SCRIPT):
        # The script may have written something before.
        return Unavailable(f"the Redis user lacks a right: {text}")
    if text.startswith("unknown command"):
        if found := _NEEDED_BY_ADDRESS.search(text):
            return WrongAddress(
                f"this Redis has no command {found[1].upper()}, which the address "
                "needs: it is renamed or disabled there: remove its `rename-command`"
            )
        return Unavailable(
            f"Redis does not know a command, which may be renamed there: {text}"
        )
    if "DB index" in text or "SELECT is not allowed" in text:
        return WrongAddress(f"Redis refuses the database number in the address: {text}")
    for prefix, sentence in _SENTENCES:
        if text.startswith(prefix):
            return Unavailable(f"{sentence} ({text})")
    return None


def _away(wrong: BaseException) -> str:
    for cause in _causes(wrong):
        if isinstance(cause, ConnectionRefusedError):
            return "Redis is away: nothing listens at its address (connection refused)"
        if isinstance(cause, OSError) and cause.strerror:
            return f"Redis is away: {cause.strerror}"
    return "Redis is away: the connection was lost"


class unavailable:  # reads as a statement: `with unavailable():`
    """Turns errors of Redis and of the connection into Unavailable."""

    def __enter__(self) -> None:
        return

    def __exit__(self, kind: Any, wrong: BaseException | None, trace: Any) -> None:
        # CancelledError ends a task, and other errors are not about Redis.
        if isinstance(wrong, RedisError | OSError) and (found := why(wrong)):
            raise found from wrong
