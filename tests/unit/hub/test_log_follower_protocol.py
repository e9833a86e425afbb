"""The interface of the hub's event source."""

from __future__ import annotations

import inspect

import pytest

from stoppress.hub.channel import Channel
from stoppress.hub.log_follower_protocol import EventSink, Upstream
from stoppress.log.follower import Follower
from tests.scripted_upstream import ScriptedUpstream


def calls(protocol: type) -> dict[str, list[str]]:
    """Its methods, with the names of their parameters."""
    return {
        name: list(inspect.signature(call).parameters)
        for name, call in vars(protocol).items()
        if inspect.isfunction(call) and not name.startswith("_")
    }


@pytest.mark.parametrize(
    ("protocol", "kinds"),
    [(EventSink, [Channel]), (Upstream, [Follower, ScriptedUpstream])],
)
def test_every_implementation_has_every_method(
    protocol: type, kinds: list[type]
) -> None:
    """The hub's, the log's, and the one that tests use instead."""
    wanted = calls(protocol)
    assert wanted
    for kind in kinds:
        for name, parameters in wanted.items():
            call = getattr(kind, name)
            assert list(inspect.signature(call).parameters) == parameters, (kind, name)
            assert inspect.iscoroutinefunction(call) is inspect.iscoroutinefunction(
                getattr(protocol, name)
            )
