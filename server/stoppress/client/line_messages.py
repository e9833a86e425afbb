"""Decodes the messages of a line and of its snapshots, and checks what is read of them.

Rules: a message has each member that a reader needs, of its type; of the rest, and of
types of later releases, nothing is required. Pure.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from stoppress.domain.cursor import Cursor
from stoppress.domain.errors import MalformedCursor
from stoppress.domain.event import KNOWN_TYPES
from stoppress.domain.undecodable_json import UNDECODABLE

Message = Mapping[str, Any]

_decode = msgspec.json.Decoder(dict[str, Any]).decode
_NUMBER = (int, float)
_NEEDED: Mapping[str, Mapping[str, type | tuple[type, ...]]] = {
    "hello": {"cursor": str, "beat": _NUMBER},
    "reset": {"cursor": str, "retry_ms": _NUMBER},
    "bye": {"retry_ms": _NUMBER},
    "error": {"code": int, "detail": str},
}


class NotTheProtocol(Exception):
    """What came is no message of the protocol."""


def decoded(data: str | bytes | bytearray) -> dict[str, Any]:
    """The JSON object in `data`. Raises NotTheProtocol."""
    try:
        return _decode(data)
    except UNDECODABLE:
        raise NotTheProtocol("its answer is not a JSON object") from None


def message_in(data: str | bytes) -> Message:
    """The message in `data`. Raises NotTheProtocol."""
    return checked_message(decoded(data))


def checked_message(message: object) -> Message:
    """The message, with what a reader needs of it. Raises NotTheProtocol."""
    if not isinstance(message, dict) or not isinstance(message.get("type"), str):
        raise NotTheProtocol("its message has no type")
    kind = message["type"]
    for name, types in _NEEDED.get(kind, {}).items():
        if not isinstance(message.get(name), types):
            raise NotTheProtocol(f"its {kind} has no {name}")
    if "cursor" in message:
        cursor_of(message)
    event = KNOWN_TYPES.get(kind)
    if event is not None and (event.shows_post or event.removes_post):
        post = message.get(event.subject.value)
        if not isinstance(post, dict) or not isinstance(post.get("id"), str):
            raise NotTheProtocol(f"its {kind} has no post")
    return message


def cursor_of(answer: Message) -> str:
    """The cursor of a message, a poll's answer or a snapshot. Raises NotTheProtocol."""
    cursor = answer.get("cursor")
    try:
        if isinstance(cursor, str):
            return str(Cursor.parse(cursor))
    except MalformedCursor:
        pass
    raise NotTheProtocol("its answer has no cursor")
