"""Entries of the audit: who did what, when, from where, to which members.

Rules: an entry holds names of members and digests of their values before and after,
never a value. A digest only tells whether two values are equal.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

import msgspec

ENTRY_BYTES = 4096
"""Longest entry; a longer one is stored without its digests."""
_UNTOLD = frozenset({"id", "slug", "rev", "html", "created_at", "updated_at"})
"""Members that the server makes: they say nothing about the change."""


class AuditEntry(msgspec.Struct, frozen=True, omit_defaults=True):
    """One entry. `what` is a verb with its object, such as `post.updated`."""

    who: str
    what: str
    address: str = msgspec.field(default="", name="from")
    feed: str = ""
    subject: str = ""
    """The id of the post, token or session."""
    before: dict[str, str] = {}
    after: dict[str, str] = {}
    request_id: str = ""


def digests(value: Mapping[str, Any]) -> dict[str, str]:
    """A digest of each member that is not empty."""
    return {
        name: hashlib.blake2b(msgspec.json.encode(member), digest_size=8).hexdigest()
        for name, member in value.items()
        if name not in _UNTOLD and member not in (None, "", [], {}, False)
    }


def changed(
    before: Mapping[str, Any], after: Mapping[str, Any]
) -> tuple[dict[str, str], dict[str, str]]:
    """The digests of the members that differ, before and after."""
    if not before:
        return {}, digests(after)
    names = {
        name
        for name in (*before, *after)
        if name not in _UNTOLD and before.get(name) != after.get(name)
    }
    return (
        digests({name: before[name] for name in before if name in names}),
        digests({name: after[name] for name in after if name in names}),
    )


def encoded(entry: AuditEntry) -> bytes:
    """The entry as it is stored."""
    text = msgspec.json.encode(entry)
    if len(text) <= ENTRY_BYTES:
        return text
    return msgspec.json.encode(
        msgspec.structs.replace(entry, before={}, after={"…": "too many"})
    )
