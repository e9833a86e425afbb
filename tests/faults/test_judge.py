"""The judge finds what it is there to find: each kind of fault, planted."""

from __future__ import annotations

import pytest

from stoppress.domain.fold import Json
from tests.faults.judge import Judge

FEED: Json = {"slug": "x", "title": "X"}


def post(name: str, text: str = "gale") -> Json:
    """A post, as far as folding needs it."""
    return {"id": name, "published_at": f"t{name}", "pinned": False, "body": text}


def event(seq: int, epoch: str = "e") -> Json:
    """The publishing of one post."""
    cursor = f"{epoch}-{seq}"
    shown = post(str(seq))
    return {"type": "post.published", "feed": "x", "cursor": cursor, "post": shown}


def hello(seq: int, resumed: bool = True) -> Json:
    """The greeting."""
    return {"type": "hello", "feed": "x", "cursor": f"e-{seq}", "resumed": resumed}


def reset(cursor: str) -> Json:
    """The line goes on elsewhere."""
    return {"type": "reset", "feed": "x", "cursor": cursor, "retry_ms": 0}


def snapshot(seq: int, epoch: str = "e", first: int = 1) -> Json:
    """All posts from `first` to `seq`, newest first."""
    posts = [post(str(number)) for number in range(seq, first - 1, -1)]
    return {
        "feed": FEED,
        "cursor": f"{epoch}-{seq}",
        "posts": posts,
        "pinned": None,
        "next": None,
    }


@pytest.fixture
def judge() -> Judge:
    """A judge who holds a snapshot at 2, on a line from there."""
    judge = Judge("x")
    judge.opened()
    judge.take(hello(2, resumed=False))
    assert judge.take_snapshot(snapshot(2))
    judge.opened()
    judge.take(hello(2))
    return judge


def kinds(judge: Judge) -> list[str]:
    """The faults, in short."""
    return [fault.kind for fault in judge.faults]


def test_a_correct_reader_has_no_fault(judge: Judge) -> None:
    """Two connections, one after the other, and the server's state."""
    judge.take(event(3))
    judge.take({"type": "beat", "feed": "x", "cursor": "e-3"})
    judge.opened()
    judge.take(hello(3))
    judge.take(event(4))
    judge.compare(snapshot(4), [post(str(number)) for number in (4, 3, 2, 1)])
    assert not judge.faults


@pytest.mark.parametrize(
    ("message", "fault"),
    [
        (event(4), "gap"),
        (event(2), "repeat"),
        (event(3, "f"), "epoch"),
        ({**event(3), "feed": "y"}, "stray"),
        (hello(2), "hello"),
        (reset("e-1"), "back"),
        ({"type": "beat", "feed": "x", "cursor": "e-3"}, "beat"),
    ],
)
def test_each_protocol_fault_is_found(judge: Judge, message: Json, fault: str) -> None:
    """Each is recorded, whatever else follows from it."""
    judge.take(message)
    assert kinds(judge)[0] == fault


@pytest.mark.parametrize(
    "greeting", [hello(3), hello(1), hello(2, resumed=False)], ids=str
)
def test_a_hello_must_resume_at_the_cursor(judge: Judge, greeting: Json) -> None:
    """At the cursor the reader sent."""
    judge.opened()
    judge.take(greeting)
    assert "hello" in kinds(judge)


def test_an_event_before_hello_is_a_fault(judge: Judge) -> None:
    """A new connection begins with hello."""
    judge.opened()
    judge.take(event(3))
    assert kinds(judge) == ["early"]


@pytest.mark.parametrize(
    "shown",
    [
        snapshot(3),
        snapshot(2, first=2),
        {**snapshot(2), "feed": {"slug": "x", "title": "Y"}},
        {**snapshot(2), "pinned": post("1")},
    ],
)
def test_a_state_that_differs_from_the_servers_is_found(
    judge: Judge, shown: Json
) -> None:
    """Cursor, feed, pin and posts are compared."""
    judge.compare(shown, shown["posts"])  # type: ignore[arg-type]  # it is a list
    assert judge.faults


@pytest.mark.parametrize(("seq", "faults"), [(4, []), (2, ["back"])])
def test_a_request_in_flight_survives_a_reset(
    judge: Judge, seq: int, faults: list[str]
) -> None:
    """It continues from the live line, not from a snapshot."""
    judge.take(event(3))
    assert judge.take_snapshot(snapshot(9))
    assert str(judge.seek()) == "e-9"
    judge.take(reset(f"e-{seq}"))
    judge.take(event(seq + 1))
    judge.take(hello(9))
    assert kinds(judge) == faults


def test_after_a_reset_a_snapshot_is_fetched(judge: Judge) -> None:
    """Later events are kept, an old snapshot is refused, a later one used."""
    judge.take(reset("f-7"))
    judge.take(event(8, "f"))
    assert not judge.take_snapshot(snapshot(2))
    assert not judge.take_snapshot(snapshot(6, "f"))
    assert judge.take_snapshot(snapshot(7, "f"))
    judge.compare(snapshot(8, "f"), [post(str(n)) for n in range(8, 0, -1)])
    assert not judge.faults


def test_a_page_older_than_an_event_undoes_nothing(judge: Judge) -> None:
    """An edit that arrived during the fetch stays."""
    short = {**snapshot(2, first=2), "next": "/older"}
    judge.take(reset("e-2"))
    judge.take_snapshot(short)
    judge.page_asked()
    edited = {**event(3), "type": "post.updated", "post": post("1", "edited")}
    judge.take(edited)
    judge.take_page({"posts": [post("1")], "next": None})
    judge.compare({**snapshot(3), "posts": []}, [post("2"), post("1", "edited")])
    assert not judge.faults
