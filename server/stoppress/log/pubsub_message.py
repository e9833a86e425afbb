"""What comes over a feed's channel: one line that says what, and the whole body.

    <epoch>-<seq> <type> <at> <post>\\n<body>

Beside the types of events there are `end` (the feed was deleted, at that cursor)
and `epoch` (the log is at that cursor). The writers are the scripts. An event of a type
that is not known here has no body, whatever was sent with it.

The scripts mark what they send (`message_mark.lua`): a user who may publish on the
channel but not read keys can't make readers see what is not in the log. Rules:
- A mark is the HMAC-SHA1 of the channel, a newline and the message, with the secret in
  the feed's meta, which is made with each epoch. Whoever has read the log knows it.
- `end` and `epoch` have theirs in the place of the post, made as if it were empty.
- An event's goes before it: `<epoch>-<seq before> epoch <at> +<mark>`. So an event
  looks as in releases without marks, which take what goes before it for nothing new.
"""

from __future__ import annotations

import hmac
import re
from os import urandom
from typing import NamedTuple

from stoppress.domain.cursor import Cursor
from stoppress.domain.errors import MalformedCursor
from stoppress.domain.event import Effect, Event
from stoppress.log.event_record import read_event


class PubSubMessage(NamedTuple):
    """One message. `event` is None where the feed ends, or a new epoch begins."""

    cursor: Cursor
    event: Event | None
    ends: bool = False


_INNER = bytes(byte ^ 0x36 for byte in range(256))
_OUTER = bytes(byte ^ 0x5C for byte in range(256))
_ANNOUNCED = re.compile(rb"\S+ epoch \S+ \+([0-9a-f]{40})\n")
_TOLD = re.compile(rb"(\S+ (?:end|epoch) \S+ )([0-9a-f]{40})\n")


def announced(raw: bytes) -> bytes | None:
    """The mark of the next message, if that is all that this one says."""
    match = _ANNOUNCED.fullmatch(raw)
    return match[1] if match else None


def new_secret() -> bytes:
    """A random key of 256 bits under HMAC's two pads, for `message_mark.lua`."""
    key = urandom(32)
    return key.translate(_INNER) + key.translate(_OUTER)


def is_marked(secret: bytes, channel: bytes, raw: bytes, before: bytes) -> bool:
    """Whether a script made the message; `before` is the mark that went before it."""
    match = _TOLD.fullmatch(raw)
    mark, message = (match[2], match[1] + b"\n") if match else (before, raw)
    if len(secret) != 64 or not mark:
        return False
    key = secret[:32].translate(_INNER)
    made = hmac.new(key, b"%b\n%b" % (channel, message), "sha1").hexdigest()
    return hmac.compare_digest(made.encode(), mark)


def parse(feed: str, raw: bytes) -> PubSubMessage | None:
    """The message, or None if it is not one of ours."""
    line, _, body = raw.partition(b"\n")
    try:
        place, kind, at, post = line.decode().split(" ")
        cursor = Cursor.parse(place)
    except (ValueError, MalformedCursor):
        return None
    if kind in ("end", "epoch"):
        return PubSubMessage(cursor, None, kind == "end")
    event = read_event(feed, cursor.seq, kind, at, post)
    if event is None:
        return None
    effect = event.type.effect
    if effect is Effect.NOTHING:
        return PubSubMessage(cursor, event)
    if (effect is Effect.SHOWS) != bool(body):
        return None
    return PubSubMessage(cursor, event._replace(body=body))
