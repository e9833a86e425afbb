"""The Idempotency-Key of calls that are the same if made twice, such as a preview.

The store keeps no answer of theirs: a repeat does the same again, and is answered with
what is so then. The key is checked before the call and kept after it, so a refused call
leaves it free, and another request with it is refused.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from stoppress.desk.store_protocol import Store
from stoppress.domain.store_requests_and_results import Idempotency


@asynccontextmanager
async def under_key(
    store: Store, feed: str, idempotency: Idempotency | None
) -> AsyncIterator[None]:
    """Make a call under its key, if it has one. Raises IdempotencyKeyReused."""
    if idempotency is None:
        yield
        return
    await store.value_under_key(feed, idempotency)
    yield
    await store.keep_under_key(feed, idempotency, "")
