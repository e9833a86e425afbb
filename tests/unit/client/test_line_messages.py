"""What counts as a message of the protocol, and what does not."""

from __future__ import annotations

import json
from typing import Any

import pytest

from stoppress.client.line_messages import (
    NotTheProtocol,
    checked_message,
    cursor_of,
    decoded,
    message_in,
)

GOOD: list[dict[str, Any]] = [
    {"type": "hello", "cursor": "e-1", "beat": 2.5},
    {"type": "reset", "cursor": "e-1", "retry_ms": 5},
    {"type": "bye", "retry_ms": 5},
    {"type": "error", "code": 4404, "detail": "no"},
    {"type": "beat", "cursor": "e-1"},
    {"type": "expiring"},
    {"type": "post.published", "cursor": "e-2", "post": {"id": "p"}},
    {"type": "post.withdrawn", "cursor": "e-2", "post": {"id": "p"}},
    {"type": "of.a.later.release", "cursor": "e-2", "post": 7},
]


@pytest.mark.parametrize("message", GOOD)
def test_a_message_of_the_protocol_is_taken(message: dict[str, Any]) -> None:
    """With members that it does not know."""
    given = {**message, "new": [1]}
    assert message_in(json.dumps(given)) == given


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        *(("hello", "cursor"), ("hello", "beat"), ("reset", "cursor")),
        *(("reset", "retry_ms"), ("bye", "retry_ms"), ("error", "code")),
        *(("error", "detail"), ("post.published", "post"), ("post.withdrawn", "post")),
    ],
)
def test_a_member_that_a_reader_needs_must_be_there(kind: str, name: str) -> None:
    """And of its type."""
    good = next(message for message in GOOD if message["type"] == kind)
    for wrong in ({k: v for k, v in good.items() if k != name}, {**good, name: [1]}):
        with pytest.raises(NotTheProtocol, match=name):
            checked_message(wrong)


@pytest.mark.parametrize("data", [b"", b"<html>", b"[]", b"\xff", b"[" * 5000])
def test_what_is_no_json_object_is_not_the_protocol(data: bytes) -> None:
    with pytest.raises(NotTheProtocol, match="not a JSON object"):
        decoded(data)


@pytest.mark.parametrize("message", [7, {}, {"type": 7}])
def test_a_message_has_a_type(message: object) -> None:
    with pytest.raises(NotTheProtocol, match="no type"):
        checked_message(message)


def test_a_cursor_is_one() -> None:
    assert cursor_of({"cursor": "e-1"}) == "e-1"
    for wrong in ({}, {"cursor": 1}, {"cursor": "e"}):
        with pytest.raises(NotTheProtocol, match="cursor"):
            cursor_of(wrong)
    with pytest.raises(NotTheProtocol, match="cursor"):
        checked_message({"type": "beat", "cursor": "e"})
