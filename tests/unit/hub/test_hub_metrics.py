"""What the hub counts."""

from __future__ import annotations

import inspect

from stoppress.hub.hub_metrics import HubMetrics, NoHubMetrics
from stoppress.metrics import ProcessMetrics


def counts() -> dict[str, inspect.Signature]:
    """Everything that the hub may call, with what it gives."""
    return {
        name: inspect.signature(call)
        for name, call in vars(HubMetrics).items()
        if inspect.isfunction(call) and not name.startswith("_")
    }


def test_whoever_counts_takes_every_count() -> None:
    """With the same parameters: a protocol is checked by nobody at run time."""
    for kind in (NoHubMetrics, ProcessMetrics):
        for name, signature in counts().items():
            found = inspect.signature(getattr(kind, name))
            assert list(found.parameters) == list(signature.parameters), name


def test_who_counts_nothing_raises_nothing() -> None:
    """The hub calls it in the midst of a turn."""
    nobody = NoHubMetrics()
    for name, signature in counts().items():
        given = [1] * (len(signature.parameters) - 1)
        assert getattr(nobody, name)(*given) is None
