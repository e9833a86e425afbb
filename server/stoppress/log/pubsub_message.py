"""The messages on a feed's channel: one line with the facts, then the whole body.

    <epoch>-<seq> <type> <at> <post>\\n<body>

Besides the types of events there are `end` (the feed was deleted, at that cursor)
and `epoch` (the log is at that cursor). The scripts write them. An event of an unknown
type has no body here, even if one was sent with it.

The scripts mark their messages (`message_hmac.lua`): a user who may publish on the
channel but not read keys can't make readers see what is not in the log. Rules:
- A mark is the HMAC-SHA1 of the channel, a newline and the message, with the secret in
  the feed's meta, which is made with each epoch. A process that has read the log has
  the secret.
- `end` and `epoch` have their mark in the place of the post, made as if it were empty.
- A notice, `notice <mark>\\n<JSON>`, is no event: it is passed on unchanged. Its mark
  is made as if the mark were empty.
- The mark of an event is in a message before it: `<epoch>-<seq before> epoch <at>
  +<mark>`. So an event looks as in releases without marks, for which the message before
  it has no news.
"""

from __future__ import annotations

import hmac
import re
from functools import lru_cache
from hashlib import sha1
from os import urandom
from typing import TYPE_CHECKING, NamedTuple

from stoppress.domain.cursor import Cursor
from stoppress.domain.errors import MalformedCursor
from stoppress.domain.event import Effect, Event
from stoppress.log.event_record import read_event

if TYPE_CHECKING:
    from hashlib import _Hash as Digest


class PubSubMessage(NamedTuple):
    """One message. `event` is None if the feed ends, or a new epoch begins."""

    cursor: Cursor
    event: Event | None
    ends: bool = False


NOTICE = b"notice "
KEY_BYTES = 32
KNOWN_CHANNELS = 1024
"""Channels of which the beginnings of digests are kept, 300 bytes each."""
_INNER = bytes(byte ^ 0x36 for byte in range(256))
_OUTER = bytes(byte ^ 0x5C for byte in range(256))
_ANNOUNCED = re.compile(rb"\S+ epoch \S+ \+([0-9a-f]{40})\n")
_TOLD = re.compile(rb"(\S+ (?:end|epoch) \S+ )([0-9a-f]{40})\n")


def announced(raw: bytes) -> bytes | None:
    """The mark of the next message, if this message only announces one."""
    match = _ANNOUNCED.fullmatch(raw)
    return match[1] if match else None


def new_secret() -> bytes:
    """A random key of 256 bits under HMAC's two pads, for `message_hmac.lua`."""
    return secret_of(urandom(KEY_BYTES))


def secret_of(key: bytes) -> bytes:
    """A key of KEY_BYTES in that form."""
    return key.translate(_INNER) + key.translate(_OUTER)


def is_marked(secret: bytes, channel: bytes, raw: bytes, before: bytes) -> bool:
    """Whether a script made the message; `before` is the mark that went before it."""
    match = _TOLD.fullmatch(raw)
    mark, message = (match[2], match[1] + b"\n") if match else (before, raw)
    if len(secret) != 64 or not mark:
        return False
    begun, ended = (digest.copy() for digest in _begun(secret, channel))
    begun.update(message)
    ended.update(begun.digest())
    return hmac.compare_digest(ended.hexdigest().encode(), mark)


@lru_cache(maxsize=KNOWN_CHANNELS)
def _begun(secret: bytes, channel: bytes) -> tuple[Digest, Digest]:
    """The inner and the outer digest of HMAC, after what is the same in all messages.

    A third of what `hmac` takes for a post of 300 bytes.
    """
    inner = sha1(secret[:32] + b"\x36" * 32, usedforsecurity=False)
    inner.update(b"%b\n" % channel)
    return inner, sha1(secret[32:] + b"\x5c" * 32, usedforsecurity=False)


def notice_in(secret: bytes, channel: bytes, raw: bytes) -> bytes | None:
    """The JSON of a notice that a script made, else None."""
    head, _, payload = raw.partition(b"\n")
    mark = head.removeprefix(NOTICE)
    if is_marked(secret, channel, b"notice \n" + payload, mark):
        return payload
    return None


def parse(feed: str, raw: bytes) -> PubSubMessage | None:
    """The message, or None if it has another form."""
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
