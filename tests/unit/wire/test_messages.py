"""Every message of the live line, held to the fixtures that JavaScript reads too."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from stoppress.domain.cursor import Cursor
from stoppress.domain.event import KNOWN_TYPES, Event, EventType, Subject
from stoppress.wire import messages

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
        return messages.event("harbour-fire", "k3v9", event, BASE)
    values = dict(given)
    if "cursor" in values:
        values["cursor"] = Cursor.parse(values["cursor"])
    made: bytes = getattr(messages, name)(**values)
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
