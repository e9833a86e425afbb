"""What every command of the desk shares: its answer, and its conditions."""

from __future__ import annotations

import time
from typing import NamedTuple

import msgspec

from stoppress.desk.json_input import unknown_field
from stoppress.desk.merge_patch import Names, unknown_names
from stoppress.desk.store_protocol import Store
from stoppress.domain.cursor import Cursor
from stoppress.domain.errors import StaleRevision
from stoppress.domain.store_records import Idempotency, Written

WRITE_ATTEMPTS = 6
"""How often a write is decided anew when what it was decided on has changed."""

Expected = frozenset[int] | None
"""The revisions an editor would replace; None: whichever is there."""

encode = msgspec.json.encode


class WriteOutcome(NamedTuple):
    """What a command did: the post (or feed) as it is now, and where.

    `post` is the post's id, "" for a feed. `body` is the kept JSON, b"" if it was
    withdrawn since. `repeated`: it happened before, under the same Idempotency-Key.
    `created`: a copy was of something that had not been there.
    """

    post: str
    body: bytes
    rev: int
    cursor: Cursor
    repeated: bool = False
    created: bool = False


def now_ms() -> int:
    """Milliseconds since 1970."""
    return time.time_ns() // 1_000_000


def names_of(struct: type[msgspec.Struct], **inner: type[msgspec.Struct]) -> Names:
    """The fields of a struct; `inner` names those that are objects."""
    return {
        name: names_of(inner[name]) if name in inner else None
        for name in struct.__struct_fields__
    }


def check_names(patch: dict[str, object], names: Names) -> None:
    """Raises Invalid for a field in `patch` that nobody may send."""
    if path := unknown_names(patch, names):
        raise unknown_field(path)


def check_revision(expected: Expected, rev: int, current: bytes) -> None:
    """Raises StaleRevision if `rev` is none of the expected."""
    if expected is not None and rev not in expected:
        raise StaleRevision(max(expected, default=0), rev, current)


async def recall(
    store: Store, feed: str, idempotency: Idempotency | None
) -> Written | None:
    """The write under this key, or None. Raises IdempotencyKeyReused."""
    return None if idempotency is None else await store.recall(feed, idempotency)
