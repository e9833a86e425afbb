"""What the desk needs of a store."""

from __future__ import annotations

import inspect

import pytest

from stoppress.desk.store_protocol import Store, TokenStore
from stoppress.log.store import RedisStore
from tests.memory_store import MemoryStore


def calls(protocol: type) -> dict[str, list[str]]:
    """Its methods, with the names of their parameters."""
    return {
        name: list(inspect.signature(call).parameters)
        for name, call in vars(protocol).items()
        if inspect.isfunction(call) and not name.startswith("_")
    }


@pytest.mark.parametrize("kind", [RedisStore, MemoryStore])
@pytest.mark.parametrize("protocol", [Store, TokenStore])
def test_every_store_has_every_call(kind: type, protocol: type) -> None:
    """The one in Redis, and the one that tests use in its place."""
    wanted = calls(protocol)
    assert wanted
    for name, parameters in wanted.items():
        call = getattr(kind, name)
        assert inspect.iscoroutinefunction(call), name
        assert list(inspect.signature(call).parameters) == parameters, name
