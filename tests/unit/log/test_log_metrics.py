"""What the log counts."""

from __future__ import annotations

import inspect

import pytest

from stoppress.log import log_metrics
from stoppress.log.log_metrics import (
    FollowerMetrics,
    InboxMetrics,
    NoInboxMetrics,
    NoMetrics,
    NoStoreMetrics,
    StoreMetrics,
)
from stoppress.metrics import Metrics


def counts(protocol: type) -> dict[str, list[str]]:
    """Everything that is counted, with what is given."""
    return {
        name: list(inspect.signature(call).parameters)
        for name, call in vars(protocol).items()
        if inspect.isfunction(call) and not name.startswith("_")
    }


@pytest.mark.parametrize(
    ("protocol", "nobody"),
    [
        (FollowerMetrics, NoMetrics),
        (StoreMetrics, NoStoreMetrics),
        (InboxMetrics, NoInboxMetrics),
    ],
)
def test_whoever_counts_takes_every_count(protocol: type, nobody: type) -> None:
    """With the same parameters; and who counts nothing raises nothing."""
    assert counts(protocol), log_metrics
    for name, parameters in counts(protocol).items():
        for kind in (nobody, Metrics):
            found = list(inspect.signature(getattr(kind, name)).parameters)
            assert found == parameters, (kind, name)
        assert getattr(nobody(), name)(*[True] * (len(parameters) - 1)) is None
