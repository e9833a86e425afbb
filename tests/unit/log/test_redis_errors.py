"""What Redis says becomes one sentence, without what it echoes of a command."""

from __future__ import annotations

import ssl
from typing import Any

import pytest
from redis import exceptions as of_redis

from stoppress.domain.errors import NotPermitted, Unavailable
from stoppress.log.redis_errors import (
    ClusterDown,
    LoginRefused,
    NotPrimary,
    SlotMoving,
    WrongAddress,
    said,
    unavailable,
    why,
)

ECHO = "unknown command 'AUTH', with args beginning with: 'app' 's3cr3t'"


def caused(outer: Exception, inner: BaseException) -> Exception:
    """The outer one, because of the inner."""
    outer.__cause__ = inner
    return outer


@pytest.mark.parametrize(
    ("error", "kind", "sentence"),
    [
        (of_redis.AuthenticationError("x s3cr3t"), LoginRefused, "WRONGPASS"),
        (
            of_redis.AuthenticationError("Authentication required."),
            LoginRefused,
            "NOAUTH",
        ),
        (of_redis.NoPermissionError("+xadd on k"), NotPermitted, r"NOPERM.*\+xadd"),
        (
            of_redis.ResponseError(
                "ACL failure in script: User u has no permissions to run the 'info' "
                "command script: on @user_script:1."
            ),
            Unavailable,
            "lacks a right: ACL failure in script: .* command$",
        ),
        (
            of_redis.ResponseError("The user executing the script can't publish"),
            Unavailable,
            "can't publish",
        ),
        (
            of_redis.ConnectionError("max number of clients reached"),
            Unavailable,
            "raise its maxclients",
        ),
        (of_redis.BusyLoadingError("Loading"), Unavailable, "LOADING"),
        (of_redis.ReadOnlyError("You can't"), NotPrimary, "READONLY"),
        (of_redis.MovedError("1 h:1"), SlotMoving, "moving"),
        (of_redis.OutOfMemoryError("command not"), Unavailable, "maxmemory"),
        (of_redis.ResponseError("MISCONF Errors"), Unavailable, "can't save"),
        (of_redis.ResponseError("NOREPLICAS Not"), Unavailable, "too few replicas"),
        (of_redis.ResponseError("BUSY Redis is"), Unavailable, "busy"),
        (of_redis.ResponseError("DB index is out of range"), WrongAddress, "database"),
        (of_redis.ResponseError(ECHO), WrongAddress, "no command AUTH, which the"),
        (of_redis.ResponseError("unknown command 'XADD'"), Unavailable, "be renamed"),
        (of_redis.InvalidResponse("HTTP/1.1"), Unavailable, "is not a Redis"),
        (of_redis.ClusterDownError("CLUSTERDOWN"), ClusterDown, "cluster is down"),
        (of_redis.ExecAbortError("aborted"), Unavailable, "Redis refuses: aborted"),
        (of_redis.TimeoutError("late"), Unavailable, "in time"),
        (TimeoutError(), Unavailable, "in time"),
        (of_redis.ConnectionError("Connection closed"), Unavailable, "was lost"),
        (
            caused(of_redis.ConnectionError("x"), ConnectionRefusedError(111, "no")),
            Unavailable,
            "connection refused",
        ),
        (
            caused(of_redis.ConnectionError("x"), OSError(113, "No route to host")),
            Unavailable,
            "away: No route to host",
        ),
        (
            caused(of_redis.ConnectionError("x"), ssl.SSLError(1, "[SSL: WRONG] x")),
            Unavailable,
            "no TLS with Redis",
        ),
    ],
)
def test_each_cause_has_its_sentence(
    error: Exception, kind: type[Unavailable], sentence: str
) -> None:
    """Of its own, in one line, without secrets."""
    with pytest.raises(kind, match=sentence) as reported, unavailable():
        raise error
    assert type(reported.value) is kind
    assert "\n" not in str(reported.value) and "s3cr3t" not in str(reported.value)


@pytest.mark.parametrize(
    "error", [of_redis.ResponseError("WRONGTYPE Operation"), ValueError("ours")]
)
def test_mistakes_of_ours_stay_what_they_are(error: Exception) -> None:
    """They are faults, to be seen."""
    with pytest.raises(type(error)) as reported, unavailable():
        raise error
    assert reported.value is error
    assert why(error) is None


def test_a_call_without_an_error_is_not_changed() -> None:
    """The statement does nothing."""
    done: list[Any] = []
    with unavailable():
        done.append(1)
    assert done == [1]


def test_arguments_that_redis_echoes_are_cut_off() -> None:
    """Redis echoes the values of a command that it does not know."""
    assert said(of_redis.ResponseError(ECHO)) == "unknown command 'AUTH'"
