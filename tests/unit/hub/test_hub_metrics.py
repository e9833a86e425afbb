"""What the hub counts."""

from __future__ import annotations

from stoppress.hub.hub_metrics import HubMetrics
from stoppress.metrics import ProcessMetrics
from stoppress.wire.close_codes import CloseCode


def test_every_close_code_is_shown_from_the_start() -> None:
    """A rate over a series that begins at its first count would miss that count."""
    metrics = ProcessMetrics()
    HubMetrics(metrics)
    shown = metrics.exposition().decode()
    for code in CloseCode:
        assert f'stoppress_closed_total{{code="{code.value}"}} 0.0' in shown


def test_metrics_without_a_meter_do_nothing() -> None:
    """The hub counts in the midst of a turn, with a meter or without."""
    nobody = HubMetrics()
    nobody.resets.add()
    nobody.deliveries.value += 1
    nobody.readers["sse"].add(-1)
