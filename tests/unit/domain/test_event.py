"""The table of event types: one for all, and what is not in it is opaque."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from stoppress.domain.event import (
    DRAFT_TYPES,
    KNOWN_TYPES,
    NO_SUBJECT,
    Effect,
    Event,
    EventType,
    Subject,
    SubjectKind,
    as_it_is_now,
)

ROOT = Path(__file__).parents[3]
LATER = EventType("later.noted")


def test_the_script_knows_the_same_types() -> None:
    """`event_types.js` names every type, and no other."""
    text = (ROOT / "client_demo/stop-press/event_types.js").read_text()
    assert set(re.findall(r'"([a-z]+(?:\.[a-z]+)+)"', text)) == KNOWN_TYPES.keys()


def test_the_protocol_page_lists_every_type() -> None:
    """docs/protocol.md has a row for each, with the member it carries."""
    page = (ROOT / "docs/protocol.md").read_text()
    row = re.compile(r"^\| `([a-z]+\.[a-z]+)` \| `.* (\S+)` \|", re.MULTILINE)
    # Of what is gone its id alone is shown.
    rows = row.findall(page.replace(": {id}", ""))
    types = {**KNOWN_TYPES, **DRAFT_TYPES}
    assert dict(rows) == {name: kind.subject.value for name, kind in types.items()}


def test_an_eventsource_listens_to_every_type() -> None:
    """The demo's bare reader: an EventSource has to name what it wants."""
    text = (ROOT / "client_demo/demo/eventsource.js").read_text()
    assert all(f'"{name}"' in text for name in KNOWN_TYPES)


@pytest.mark.parametrize("name", KNOWN_TYPES)
def test_a_known_type_is_the_tables(name: str) -> None:
    """By its name; and it does something to a subject."""
    found = EventType.named(name)
    assert found is KNOWN_TYPES[name]
    assert found.subject is not SubjectKind.NOTHING
    assert found.effect is not Effect.NOTHING


@pytest.mark.parametrize("name", ["later.noted", "lease.taken", "a.b.c"])
def test_a_name_that_is_not_known_is_opaque(name: str) -> None:
    """It is taken as it is, and does nothing to anything."""
    assert EventType.named(name) == EventType(name)
    assert EventType(name).effect is Effect.NOTHING


@pytest.mark.parametrize(
    "name",
    [
        "",
        "reset",
        "post",
        "Post.made",
        "post.",
        ".made",
        "post.made\n",
        "p.ü",
        "a b.c",
    ]
    + ["post." + "x" * 60],
)
def test_an_invalid_type_name_is_refused(name: str) -> None:
    """None: no message of the line has to fear that it is taken for another."""
    assert EventType.named(name) is None


def test_a_replayed_event_has_the_current_body() -> None:
    """The body of today, a withdrawal for none; and nothing of what is opaque."""
    event = Event(1, EventType.PUBLISHED, 0, Subject.post("p"), b"old")
    assert as_it_is_now(event, b"new").body == b"new"
    assert as_it_is_now(event, None) == (1, EventType.WITHDRAWN, 0, event.subject, b"")
    gone = event._replace(type=EventType.WITHDRAWN, body=b"")
    assert as_it_is_now(gone, b"back again") == gone
    feed = Event(2, EventType.FEED, 0, Subject.feed("x"), b"old")
    assert as_it_is_now(feed, None) == feed._replace(body=b"")
    later = Event(3, LATER, 0, NO_SUBJECT, b"")
    assert as_it_is_now(later, b"secret") == as_it_is_now(later, None) == later
