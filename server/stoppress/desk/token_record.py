"""The forms of an API token: an admin's input, the stored record, the list entry.

Rules:
- A record may be of another release: scopes unknown to this one are ignored.
- A damaged record is logged, and its token counts as unknown.
"""

from __future__ import annotations

import logging
from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from stoppress.desk.caller import (
    SCOPES,
    Caller,
    Scope,
    check_feed_pattern,
    scopes_of,
)
from stoppress.desk.input_normalization import canonical_time
from stoppress.domain.errors import Invalid
from stoppress.domain.post import Name
from stoppress.domain.signed_redis_inbox_entry import token_digest, token_id
from stoppress.domain.timestamps import instant, parse_instant
from stoppress.domain.undecodable_json import UNDECODABLE

MINUTE_MS = 60_000

log = logging.getLogger(__name__)


class TokenInput(Struct, frozen=True, forbid_unknown_fields=True):
    """What an admin sends to create a token. Without `feeds`: all feeds."""

    scopes: Annotated[tuple[Scope, ...], Meta(min_length=1, max_length=len(SCOPES))]
    name: Name = "unnamed"
    feeds: Annotated[tuple[str, ...], Meta(min_length=1, max_length=100)] | None = None
    expires_at: str | None = None


class TokenRecord(Struct, frozen=True, omit_defaults=True):
    """A token's stored record, which another release may have written."""

    id: str
    name: str
    scopes: tuple[str, ...]
    feeds: tuple[str, ...] | None
    created_at: str
    expires_at: str | None = None


class Token(Struct, frozen=True, omit_defaults=True):
    """A token without its secret. `feeds` null: all feeds."""

    id: str
    name: str
    scopes: tuple[Scope, ...]
    feeds: tuple[str, ...] | None
    created_at: str
    expires_at: str | None = None
    last_used_at: str | None = None
    """The minute of the last use; absent: not used yet."""


_record = msgspec.json.Decoder(TokenRecord)


def new_record(secret: str, draft: TokenInput, now: int) -> TokenRecord:
    """The record of a new token. Raises Invalid."""
    for index, feed in enumerate(draft.feeds or ()):
        check_feed_pattern(feed, f"feeds[{index}]")
    if len(set(draft.scopes)) < len(draft.scopes):
        raise Invalid("scopes", "has a duplicate: name each scope once")
    return TokenRecord(
        token_id(token_digest(secret)),
        draft.name,
        draft.scopes,
        draft.feeds,
        instant(now),
        _expiry(draft.expires_at, now),
    )


def decode_record(record: bytes) -> TokenRecord | None:
    """The token of a stored record; None if the record is damaged."""
    try:
        kept = _record.decode(record)
        if kept.expires_at is not None:
            parse_instant(kept.expires_at)
    except (*UNDECODABLE, ValueError):
        log.error("a token's record is damaged: the token counts as unknown")
        return None
    return kept


def caller_of(name: str, kept: TokenRecord) -> Caller:
    """The caller that a record describes; `name` is the token's digest."""
    expires_at = None if kept.expires_at is None else parse_instant(kept.expires_at)
    return Caller(
        id=kept.id,
        name=kept.name,
        kind="token",
        scopes=scopes_of(kept.scopes),
        feeds=kept.feeds,
        expires_at=expires_at,
        credential=name,
    )


def listed_token(kept: TokenRecord, used_minute: int | None) -> Token:
    """The token as it is listed, with the minute of its last use."""
    return Token(
        kept.id,
        kept.name,
        scopes_of(kept.scopes),
        kept.feeds,
        kept.created_at,
        kept.expires_at,
        None if used_minute is None else instant(used_minute * MINUTE_MS),
    )


def _expiry(text: str | None, now: int) -> str | None:
    """The canonical `expires_at` of an input. Raises Invalid."""
    if text is None:
        return None
    ends = canonical_time(text, "expires_at")
    # Canonical texts sort as their instants.
    if ends <= instant(now):
        raise Invalid("expires_at", f"{text[:80]!r} is in the past: use a future time")
    return ends
