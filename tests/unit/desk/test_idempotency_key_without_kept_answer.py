"""The key of a call that is the same if made twice."""

from __future__ import annotations

import pytest

from stoppress.desk.idempotency_key_without_kept_answer import under_key
from stoppress.domain.errors import IdempotencyKeyReused, NotFound
from stoppress.domain.store_requests_and_results import Idempotency
from tests.memory_store import MemoryStore

pytestmark = pytest.mark.asyncio
KEY = Idempotency("me", "k", "f1")


async def test_a_call_is_made_again_and_no_other_one() -> None:
    """Without a key nothing is asked or kept."""
    store, made = MemoryStore(), list[str]()
    async with under_key(store, "x", None):
        made.append("")
    assert store.calls == []
    with pytest.raises(NotFound):
        async with under_key(store, "x", KEY):
            made.append("never")
    await store.make_feed("x", b"{}", 0, None)
    for _ in range(2):
        async with under_key(store, "x", KEY):
            made.append("k")
    with pytest.raises(IdempotencyKeyReused):
        async with under_key(store, "x", KEY._replace(fingerprint="f2")):
            made.append("never")
    assert made == ["", "k", "k"]


async def test_a_refused_call_leaves_its_key_free() -> None:
    """For a right request."""
    store = MemoryStore()
    await store.make_feed("x", b"{}", 0, None)
    with pytest.raises(ValueError, match="wrong"):
        async with under_key(store, "x", KEY):
            raise ValueError("wrong")
    async with under_key(store, "x", KEY._replace(fingerprint="f2")):
        pass
