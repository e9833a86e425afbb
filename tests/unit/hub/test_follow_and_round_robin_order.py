"""The circle of a channel's follows."""

from __future__ import annotations

from typing import cast

from stoppress.hub.follow_and_round_robin_order import (
    MAX_SCANNED,
    NOT_JOINED,
    RESET,
    Follow,
    RoundRobin,
)
from stoppress.hub.reader import Reader


class Someone:
    """A reader, as far as a circle looks at one."""

    blocked = False
    __slots__ = ()


class Stuck(Someone):
    blocked = True


def circle_of(count: int) -> tuple[RoundRobin, list[Follow]]:
    """A circle, and its follows in the order in which they came."""
    circle = RoundRobin()
    follows = [Follow(cast(Reader, Someone()), "x") for _ in range(count)]
    for follow in follows:
        circle.add(follow)
    return circle, follows


def round_of(circle: RoundRobin) -> list[Follow]:
    """Whom the rest of the round visits."""
    found = []
    while (follow := circle.next()) is not None:
        found.append(follow)
    return found


def test_a_new_follow_is_nowhere_yet() -> None:
    follow = Follow(cast(Reader, Someone()), "x")
    assert (follow.seq, follow.channel, follow.sibling) == (NOT_JOINED, None, None)


def test_a_round_visits_everyone_once() -> None:
    """In the order in which they came; then it is over, until the next begins."""
    circle, follows = circle_of(3)
    assert round_of(circle) == []
    circle.begin()
    assert round_of(circle) == follows
    assert circle.next() is None
    assert circle.all() == follows


def test_a_new_follow_comes_after_those_still_to_visit() -> None:
    """So nobody is hidden by it from the round that is under way."""
    circle, follows = circle_of(4)
    circle.begin()
    assert circle.next() is follows[0]
    circle.add(Follow(cast(Reader, Someone()), "x"))
    assert round_of(circle) == follows[1:]


def test_a_removed_follow_hides_no_other() -> None:
    """Whether it was visited already, is next, or is the last of all."""
    for leaver in range(4):
        circle, follows = circle_of(4)
        circle.begin()
        seen = [circle.next()]
        circle.drop(follows[leaver])
        seen += round_of(circle)
        stay = [one for one in follows if one is not follows[leaver]]
        assert {id(one) for one in seen} >= {id(one) for one in stay}
        assert circle.size == 3 and len(circle.all()) == 3


def test_the_last_one_leaves_an_empty_circle() -> None:
    circle, (only,) = circle_of(1)
    circle.begin()
    circle.drop(only)
    assert circle.next() is None and circle.all() == []
    assert not hasattr(only, "after")


def test_the_next_that_takes_bytes_is_seen_if_it_is_near() -> None:
    """Who is blocked, or is to be told something, is passed over."""
    circle, follows = circle_of(MAX_SCANNED + 2)
    circle.begin()
    assert circle.next_seq() is None
    follows[2].seq = 5
    assert circle.next_seq() == 5
    follows[1].seq, follows[1].reader = 4, cast(Reader, Stuck())
    follows[0].seq = RESET
    assert circle.next_seq() == 5
    follows[2].seq, follows[MAX_SCANNED].seq = NOT_JOINED, 9
    assert circle.next_seq() is None


def test_the_follows_visited_last_are_those_before_the_next() -> None:
    """Without those that are blocked; the whole circle at most."""
    circle, follows = circle_of(4)
    circle.begin()
    for _ in range(3):
        circle.next()
    assert circle.last(2) == [follows[2], follows[1]]
    follows[2].reader = cast(Reader, Stuck())
    assert circle.last(2) == [follows[1]]
    assert len(circle.last(9)) == 3
    assert RoundRobin().last(2) == []
