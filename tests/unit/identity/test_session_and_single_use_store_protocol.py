"""The interface of the store of sessions is what both stores have."""

from __future__ import annotations

import inspect

from stoppress.identity.session_and_single_use_store_protocol import SessionStore
from stoppress.log.session_and_single_use_store import RedisSessionStore
from tests.memory_sessions import MemorySessionStore


def test_both_stores_have_every_method() -> None:
    """With the same parameters; the contract suite shows the same behaviour."""
    for name, method in inspect.getmembers(SessionStore, inspect.isfunction):
        if name.startswith("_"):
            continue
        wanted = list(inspect.signature(method).parameters)
        for store in (RedisSessionStore, MemorySessionStore):
            assert list(inspect.signature(getattr(store, name)).parameters) == wanted
