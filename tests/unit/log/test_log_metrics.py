"""What the log counts."""

from __future__ import annotations

import pytest

from stoppress.log.log_metrics import FollowerMetrics, InboxMetrics, StoreMetrics
from stoppress.metrics import ProcessMetrics


@pytest.mark.parametrize("kind", [FollowerMetrics, StoreMetrics, InboxMetrics])
def test_everything_it_counts_is_shown(
    kind: type[FollowerMetrics | StoreMetrics | InboxMetrics],
) -> None:
    """Under a name of its own; without a meter it counts nothing."""
    metrics = ProcessMetrics()
    declared = vars(kind(metrics))
    shown = metrics.exposition().decode()
    families = {line.split()[2] for line in shown.splitlines() if "# TYPE" in line}
    assert len(families) == len(declared) > 0
    for instrument in vars(kind()).values():
        if hasattr(instrument, "add"):
            instrument.add()
