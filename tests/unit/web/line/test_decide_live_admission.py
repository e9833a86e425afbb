"""Who gets in: the one decision that every transport asks for."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stoppress.desk.caller import Caller
from stoppress.domain.cursor import Cursor
from stoppress.domain.errors import Malformed
from stoppress.hub.feed_status_and_access import (
    ANYONE,
    ENDS_AFTER_MS,
    FeedState,
    ReadRights,
)
from stoppress.web.line import decide_live_admission
from stoppress.web.line.decide_live_admission import (
    asked_for,
    decide,
    wanted,
)
from stoppress.web.line.recheck_rights import CallerRights
from stoppress.wire.close_codes import CloseCode

NOW = 10_000_000
LIVE = FeedState("live", "public", False, None)
SECRET = FeedState("live", "private", False, None)


def reader_of(feed: str) -> Caller:
    """A caller that reads one private feed."""
    return Caller(id="t", name="r", kind="token", scopes=("read",), feeds=(feed,))


READER = reader_of("x")


def _rights(caller: Caller | None) -> ReadRights:
    return ANYONE if caller is None else CallerRights(caller)


def _asked(
    feed_state: FeedState | None = LIVE, caller: Caller | None = None, **more: Any
) -> Any:
    given: dict[str, Any] = {
        "token_unknown": False,
        "is_draining": False,
        "is_full": False,
        "now_ms": NOW,
    }
    return decide({"x": feed_state}, _rights(caller), **(given | more))


def test_a_public_feed_needs_no_token() -> None:
    assert _asked() is None
    assert _asked(FeedState("paused", "unlisted", False, None)) is None


@pytest.mark.parametrize(
    ("asked", "code"),
    [
        ({"is_draining": True, "is_full": True}, CloseCode.BYE),
        ({"is_full": True, "token_unknown": True}, CloseCode.TOO_MANY),
        ({"token_unknown": True, "feed_state": None}, CloseCode.UNAUTHENTICATED),
        ({"feed_state": None}, CloseCode.NOT_FOUND),
        ({"feed_state": SECRET}, CloseCode.NOT_FOUND),
        ({"feed_state": FeedState("closed", "public", False, 0)}, CloseCode.ENDED),
    ],
)
def test_refusals_have_a_fixed_order(asked: dict[str, Any], code: CloseCode) -> None:
    assert _asked(**asked) is code


def test_a_private_feed_needs_a_token_with_read() -> None:
    assert _asked(SECRET, READER) is None
    other = reader_of("y")
    assert _asked(SECRET, other) is CloseCode.NOT_FOUND


def test_a_token_without_read_is_forbidden() -> None:
    class Writes:
        def may_read(self, feed: str) -> bool:
            return False

        def may_know(self, feed: str) -> bool:
            return True

        def is_over(self, feed: str) -> bool:
            return False

    assert SECRET.refusal("x", Writes(), NOW) is CloseCode.FORBIDDEN


def test_one_refused_feed_refuses_all() -> None:
    code = decide(
        {"a": LIVE, "b": None},
        ANYONE,
        token_unknown=False,
        is_draining=False,
        is_full=False,
        now_ms=NOW,
    )
    assert code is CloseCode.NOT_FOUND


def test_a_closed_feed_is_refused_after_an_hour() -> None:
    for since, code in [(ENDS_AFTER_MS - 1, None), (ENDS_AFTER_MS, CloseCode.ENDED)]:
        feed_state = FeedState("closed", "public", False, NOW - since)
        assert _asked(feed_state) is code
    assert _asked(FeedState("live", "public", False, None)) is None


def test_feeds_are_split_at_the_last_at() -> None:
    assert wanted(["a", "b@k3v9-7"]) == (("a", None), ("b", Cursor("k3v9", 7)))


@pytest.mark.parametrize(
    "values",
    [
        [],
        ["a", "a"],
        ["a", "a@k-1"],
        ["a@"],
        ["@k-1"],
        ["a@b@k-1"],
        ["A"],
        ["a@k-01"],
        [f"f{n}" for n in range(33)],
    ],
)
def test_an_invalid_feed_query_is_refused(values: list[str]) -> None:
    with pytest.raises(Malformed):
        wanted(values)


def test_queries_are_cached_except_those_with_a_secret() -> None:
    decide_live_admission._cached.cache_clear()
    found = asked_for(b"feed=a&feed=b@k3v9-7&more=1")
    assert found == (("a", None), ("b", Cursor("k3v9", 7)))
    assert asked_for(b"feed=a&feed=b@k3v9-7&more=1") is found
    assert asked_for(b"feed=%61&token=sp_secret") == (("a", None),)
    assert decide_live_admission._cached.cache_info().currsize == 1


@pytest.mark.parametrize("query", [b"", b"feed", b"feed=A", b"feed=a\xc3", b"x=a"])
def test_an_empty_query_is_refused_each_time(query: bytes) -> None:
    for _ in range(2):
        with pytest.raises((Malformed, ValueError)):
            asked_for(query)


@given(st.lists(st.text(max_size=40), max_size=40))
def test_any_input_is_read_or_refused(values: list[str]) -> None:
    try:
        found = wanted(values)
    except Malformed:
        return
    assert len(found) == len(values)
