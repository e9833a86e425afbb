"""The outcome of a desk command, and the checks that all commands share."""

from __future__ import annotations

import time
from collections.abc import Container
from typing import NamedTuple

import msgspec

from stoppress.desk.json_input import unknown_field
from stoppress.desk.merge_patch import Names, unknown_name
from stoppress.desk.post_ids_and_idempotency_keys import Requester
from stoppress.desk.store_protocol import Store
from stoppress.domain.cursor import Cursor
from stoppress.domain.errors import StaleRevision
from stoppress.domain.store_requests_and_results import Idempotency, Written
from stoppress.domain.timestamps import instant

WRITE_ATTEMPTS = 6
"""How often a write is tried if the state that it is based on has changed."""

Expected = frozenset[int] | None
"""The revisions that a write may replace; None: any."""

encode = msgspec.json.encode


class WriteOutcome(NamedTuple):
    """The result of a command: the current post (or feed), and its cursor.

    `post` is the post's id, "" for a feed. `body` is the stored JSON, b"" if it was
    withdrawn since. `repeated`: written before, with the same Idempotency-Key.
    `created`: an import created the post or feed.
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


def about(now: int, requester: Requester, note: str | None = None) -> bytes:
    """What is stored with the revision that a write makes."""
    made = {"at": instant(now), "by": requester.owner, "note": note}
    return encode(made)


def names_of(struct: type[msgspec.Struct], **inner: type[msgspec.Struct]) -> Names:
    """The fields of a struct; `inner` gives the structs of nested objects."""
    return {
        name: names_of(inner[name]) if name in inner else None
        for name in struct.__struct_fields__
    }


def check_names(patch: dict[str, object], names: Names) -> None:
    """Raises Invalid for a field in `patch` that input may not contain."""
    path = unknown_name(patch, names)
    if path is not None:
        raise unknown_field(path)


def check_revision(
    expected: Expected, rev: int, current: bytes, equal: Container[int] = ()
) -> None:
    """Raises StaleRevision if neither `rev` nor one of `equal` is in `expected`."""
    if expected is None or rev in expected:
        return
    if not any(one in equal for one in expected):
        raise StaleRevision(max(expected, default=0), rev, current)


async def recall(
    store: Store, feed: str, idempotency: Idempotency | None
) -> Written | None:
    """The earlier write with this key, or None. Raises IdempotencyKeyReused."""
    return None if idempotency is None else await store.recall(feed, idempotency)
