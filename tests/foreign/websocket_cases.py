"""What a case of the suite for RFC 6455 is, and what its messages are made of."""

from __future__ import annotations

import json
from dataclasses import dataclass

from tests.foreign.raw_socket import CONTINUATION, TEXT, frame

LIMIT = 4096
"""Bytes of a reader's message, at most: the setting `max_message`."""

Expected = str | bytes | int | frozenset[int] | None
"""Of one frame: a hello that names a feed, a pong, a close with a code (or one of
several, where the RFC leaves the choice), a close without one."""
FEEDS = ("rfc-a", "rfc-b", "rfc-c")


def op(feed: str = "rfc-a", **more: object) -> bytes:
    """A message of a reader; the answer names the feed."""
    return json.dumps(
        {"op": "follow", "feed": feed, **more}, ensure_ascii=False
    ).encode()


def padded(size: int) -> bytes:
    """An op of this many bytes."""
    return op() + b" " * (size - len(op()))


def fragments(*parts: bytes, opcode: int = TEXT, reserved: int = 0) -> bytes:
    """One message in as many frames."""
    last = len(parts) - 1
    return b"".join(
        frame(
            CONTINUATION if number else opcode,
            part,
            fin=number == last,
            reserved=0 if number else reserved,
        )
        for number, part in enumerate(parts)
    )


@dataclass(frozen=True)
class Case:
    """What a client sends once it is in, and what it must hear, in this order."""

    name: str
    sends: bytes
    hears: tuple[Expected, ...]
    piece: int = 0
    """How many bytes are sent at a time; 0: all at once."""
    offer: str = ""
    """The extensions that the handshake offers."""


HEARD = "rfc-a"
PROTOCOL = 1002
NO_TEXT = 1007
REFUSED = 4400
TEXT_BAD = op(note="!").split(b"!")
"""Before and after what stands for the text in question."""
DEFLATE = "permessage-deflate"
TOO_LONG = frozenset((PROTOCOL, REFUSED))
DEFLATE_BROKEN = frozenset((1002, 1007))
