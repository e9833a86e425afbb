"""Every message of the live line, held to the fixtures that JavaScript reads too."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from stoppress.domain.cursor import Cursor
from stoppress.domain.event import KNOWN_TYPES, Event, EventType, Subject
from stoppress.wire import encode_messages

FIXTURES = Path(__file__).parents[2] / "fixtures"
CASES: list[dict[str, Any]] = json.loads(
    (FIXTURES / "messages.json").read_text("utf-8")
)
BASE = "https://live.example.org"


def encoded(body: object) -> bytes:
    """A kept body, as the desk encodes it."""
    if body is None:
        return b""
    return json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()


def make(name: str, given: dict[str, Any]) -> bytes:
    """The message that the fixture's call makes."""
    if name == "event":
        kind = EventType.named(given["type"])
        assert kind is not None
        body = encoded(given["body"])
        subject = Subject(kind.subject, given["post"])
        event = Event(given["seq"], kind, given["at"], subject, body)
        return encode_messages.event("harbour-fire", "k3v9", event, BASE)
    values = dict(given)
    if "cursor" in values:
        values["cursor"] = Cursor.parse(values["cursor"])
    made: bytes = getattr(encode_messages, name)(**values)
    return made


@pytest.mark.parametrize("case", CASES, ids=lambda case: str(case["name"]))
def test_fixture(case: dict[str, Any]) -> None:
    """Each call gives its message, byte for byte: UTF-8, no spaces, in this order."""
    assert make(*case["call"]) == encoded(case["message"])


def test_every_message_has_a_fixture() -> None:
    """No type of message is left out."""
    types = {case["message"]["type"] for case in CASES}
    others = {"hello", "reset", "beat", "readers", "bye", "error", "later.noted"}
    assert types == KNOWN_TYPES.keys() | others


DRAFT = {
    "id": "d1",
    "state": "draft",
    "owner": {"id": "token:a", "name": "Ines"},
    "edited_by": {"id": "token:a", "name": "Ines"},
    "created_at": "2026-11-28T10:00:00.000Z",
    "updated_at": "2026-11-28T10:00:00.000Z",
    "rev": 1,
    "headline": "Not out",
    "body": "Not out either.",
    "notes": "Call her back.",
}


def desk_event(body: bytes) -> dict[str, Any]:
    """The message of an event of a desk log."""
    event = Event(7, EventType.DRAFT_UPDATED, 0, Subject.draft("d1"), body)
    made: dict[str, Any] = json.loads(
        encode_messages.event("quay/desk", "k3v9", event, BASE)
    )
    return made


def test_the_desk_is_told_of_a_draft_without_its_words() -> None:
    reported = desk_event(encoded(DRAFT))
    assert (reported["desk"], reported["cursor"]) == ("quay", "k3v9-7")
    assert (
        reported["draft"]["id"] == "d1" and reported["draft"]["owner"]["name"] == "Ines"
    )
    assert not reported["draft"].keys() & {"headline", "body", "notes"}
    whole = json.loads(encode_messages.full_draft(encoded(DRAFT)))
    assert (whole["headline"], whole["notes"]) == ("Not out", "Call her back.")


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b'{"id":"\xff"}', b'{"x":' + b"[" * 5000]
)
def test_of_a_draft_that_is_gone_or_damaged_only_the_id_is_told(body: bytes) -> None:
    assert desk_event(body)["draft"] == {"id": "d1"}


def test_lines_of_a_desk_log_name_the_desk() -> None:
    """As those of a feed name the feed."""
    cursor = Cursor("k3v9", 1)
    assert json.loads(encode_messages.beat("quay/desk", cursor))["desk"] == "quay"
    assert (
        json.loads(encode_messages.reset("quay", cursor, retry_ms=1))["feed"] == "quay"
    )


def test_readers_are_asked_for_another_ticket() -> None:
    asked = json.loads(encode_messages.expiring("quay", 30))
    assert asked == {"type": "expiring", "feed": "quay", "in": 30}
