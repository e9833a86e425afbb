"""Who makes a request: scopes that include each other, and feeds by pattern."""

from __future__ import annotations

from typing import Any

import pytest

from stoppress.desk.caller import (
    SCOPES,
    Caller,
    check_feed_pattern,
    covers,
    scopes_of,
)
from stoppress.domain.errors import Invalid


def caller(*names: str, **more: Any) -> Caller:
    """A caller with these scopes."""
    return Caller(id="c", name="c", kind="token", scopes=scopes_of(names), **more)


@pytest.mark.parametrize("rank", range(len(SCOPES)))
def test_a_scope_includes_those_before_it(rank: int) -> None:
    held = caller(SCOPES[rank])
    for other, scope in enumerate(SCOPES):
        assert held.may(scope, "quay") is (other <= rank)
        assert held.may(scope, None) is (other <= rank)
        assert held.has(scope) is (other <= rank)
    there = caller(SCOPES[rank], feeds=("quay",))
    assert there.may("read", "quay") and not there.may("read", "bridge")
    assert not there.may("read", None) and there.has("read")


def test_names_of_other_releases() -> None:
    """`write` means `manage`; what is unknown gives nothing."""
    assert scopes_of(["sing", "write", "read", "manage"]) == ("read", "manage")
    assert scopes_of(["sing"]) == ()
    assert not any(caller("sing").may(scope, "quay") for scope in SCOPES)


@pytest.mark.parametrize(
    ("patterns", "feed", "is_covered"),
    [
        (None, "quay", True),
        (None, None, True),
        ((), "quay", False),
        (("*",), "quay", True),
        (("*",), None, True),
        (("quay",), "quay", True),
        (("quay",), "quay-2", False),
        (("quay",), None, False),
        (("election-*",), "election-2026", True),
        (("election-*",), "election", False),
        (("election-*",), "my-election-2026", False),
        (("election-*",), None, False),
        (("*-live",), "vote-live", True),
        (("a*a",), "a", False),
        (("a*a",), "aa", True),
        (("a*a",), "aba", True),
        (("x", "vote-*"), "vote-1", True),
    ],
)
def test_feeds_are_named_or_matched(
    patterns: tuple[str, ...] | None, feed: str | None, is_covered: bool
) -> None:
    assert covers(patterns, feed) is is_covered


@pytest.mark.parametrize("pattern", ["quay", "*", "election-*", "*-live", "a-*-b"])
def test_a_pattern_is_a_slug_with_one_star(pattern: str) -> None:
    assert check_feed_pattern(pattern, "feeds[0]") == pattern


@pytest.mark.parametrize("pattern", ["", "**", "a*b*", "A-*", "-*", "a--*", "a/*", "?"])
def test_no_other_pattern_is_taken(pattern: str) -> None:
    with pytest.raises(Invalid) as error:
        check_feed_pattern(pattern, "feeds[0]")
    assert error.value.field == "feeds[0]"


def test_a_caller_expires_at_its_moment() -> None:
    assert not caller("read").has_expired(10**15)
    short = caller("read", expires_at=1000)
    assert not short.has_expired(999) and short.has_expired(1000)
