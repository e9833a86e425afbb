"""What a channel needs of its hub."""

from __future__ import annotations

import inspect

import pytest

from stoppress.hub import channel_owner_protocol
from stoppress.hub.hub import Hub
from tests.unit.hub.benches import Bench

OWNER = next(
    kind
    for kind in vars(channel_owner_protocol).values()
    if isinstance(kind, type) and kind.__module__ == channel_owner_protocol.__name__
)


@pytest.mark.parametrize("kind", [Hub, Bench])
def test_the_hub_and_its_bench_have_every_call(kind: type) -> None:
    """With the same parameters, or a channel that is tested is another one."""
    wanted = {
        name: list(inspect.signature(call).parameters)
        for name, call in vars(OWNER).items()
        if inspect.isfunction(call) and not name.startswith("_")
    }
    assert len(wanted) > 4
    for name, parameters in wanted.items():
        found = list(inspect.signature(getattr(kind, name)).parameters)
        assert found == parameters, name
