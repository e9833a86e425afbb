"""What is counted, and how it is shown."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

from stoppress.hub.hub_metrics import HubMetrics
from stoppress.log.log_metrics import FollowerMetrics, InboxMetrics
from stoppress.metrics import ProcessMetrics
from stoppress.wire.close_codes import CloseCode


def samples(exposition: bytes) -> dict[str, float]:
    """Values by name and labels, as a Prometheus reads them."""
    return {
        sample.name
        + "".join(f" {k}={v}" for k, v in sorted(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(exposition.decode())
        for sample in family.samples
    }


def test_the_metrics_count_what_hub_and_follower_tell() -> None:
    """Every call of both protocols shows in the exposition."""
    metrics = ProcessMetrics()
    hub: HubMetrics = metrics
    follower: FollowerMetrics = metrics
    inbox: InboxMetrics = metrics
    hub.readers("websocket", 1)
    hub.readers("websocket", 1)
    hub.readers("sse", 1)
    hub.readers("websocket", -1)
    hub.channels(1)
    hub.delivered(3, 900)
    hub.swept(5, 0.0004)
    hub.stuck()
    hub.paced()
    hub.closed(CloseCode.SLOW)
    hub.reset(2)
    hub.trimmed(7)
    hub.encoded()
    hub.feed_failed("sending")
    follower.feed_failed("mending")
    follower.line_up(True)
    follower.mended("log")
    follower.malformed()
    follower.probe_missed()
    follower.held_back_too_much()
    inbox.taken_in(refused=True)
    shown = samples(metrics.exposition())
    wanted = {
        "stoppress_feed_faults_total where=sending": 1,
        "stoppress_feed_faults_total where=mending": 1,
        "stoppress_readers wire=websocket": 1,
        "stoppress_readers wire=sse": 1,
        "stoppress_channels": 1,
        "stoppress_deliveries_total": 3,
        "stoppress_delivered_bytes_total": 900,
        "stoppress_sweep_visits_total": 5,
        "stoppress_sweep_turns_total": 1,
        "stoppress_sweep_seconds_total": 0.0004,
        "stoppress_stuck_total": 1,
        "stoppress_paced_total": 1,
        "stoppress_closed_total code=4001": 1,
        "stoppress_closed_total code=4000": 0,
        "stoppress_resets_total": 2,
        "stoppress_trimmed_events_total": 7,
        "stoppress_encoded_total": 1,
        "stoppress_redis_line_up": 1,
        "stoppress_mended_total how=log": 1,
        "stoppress_malformed_total": 1,
        "stoppress_probes_missed_total": 1,
        "stoppress_held_back_too_much_total": 1,
        "stoppress_inbox_total outcome=refused": 1,
    }
    assert {name: shown.get(name) for name in wanted} == wanted


def test_what_sweeps_count_is_added_up_once() -> None:
    """Ten times a second, and before it is shown."""
    metrics = ProcessMetrics()
    for _ in range(2):
        metrics.delivered(3, 900)
        metrics.swept(5, 0.5)
        metrics.add_up()
    metrics.swept(1, 0.25)
    for _ in range(2):
        shown = samples(metrics.exposition())
        assert shown["stoppress_deliveries_total"] == 6
        assert shown["stoppress_delivered_bytes_total"] == 1800
        assert shown["stoppress_sweep_visits_total"] == 11
        assert shown["stoppress_sweep_turns_total"] == 3
        assert shown["stoppress_sweep_seconds_total"] == 1.25


def test_two_servers_in_one_process_count_apart() -> None:
    """Nothing is global."""
    first, second = ProcessMetrics(), ProcessMetrics()
    first.encoded()
    assert samples(second.exposition())["stoppress_encoded_total"] == 0


COUNTING = """
from stoppress.metrics import ProcessMetrics
metrics = ProcessMetrics()
metrics.readers("sse", 2)
metrics.delivered(10, 100)
metrics.add_up()
"""


def test_workers_add_up(tmp_path: Path) -> None:
    """Any worker shows the sum over all; of a dead one, what it counted."""
    environment = os.environ | {"PROMETHEUS_MULTIPROC_DIR": str(tmp_path)}

    def run(program: str) -> bytes:
        return subprocess.run(
            [sys.executable, "-c", program],
            env=environment,
            check=True,
            stdout=subprocess.PIPE,
        ).stdout

    run(COUNTING)
    tell = "import sys; sys.stdout.buffer.write(metrics.exposition())"
    shown = samples(run(COUNTING + tell))
    assert shown["stoppress_deliveries_total"] == 20
    assert shown["stoppress_readers wire=sse"] == 4
