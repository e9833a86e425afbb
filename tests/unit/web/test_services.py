"""What every route is given."""

from __future__ import annotations

import dataclasses

import pytest

from stoppress.web import services
from stoppress.web.services import MetricsExposition, always_ready


@pytest.mark.asyncio
async def test_without_a_line_to_watch_it_is_always_ready() -> None:
    """It returns: to be ready is to raise nothing."""
    await always_ready()


def test_the_parts_are_put_together_once() -> None:
    """A route keeps nothing of its own in them."""
    (parts,) = (
        kind
        for kind in vars(services).values()
        if isinstance(kind, type) and dataclasses.is_dataclass(kind)
    )
    empty = object.__new__(parts)
    for name in (dataclasses.fields(parts)[0].name, "another"):
        with pytest.raises((AttributeError, TypeError)):
            setattr(empty, name, None)
    assert hasattr(MetricsExposition, "exposition")
