"""What is counted, and how it is shown."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

from stoppress.desk.private_feed_read_tickets import TicketMetrics
from stoppress.guard.limits import LimitMetrics
from stoppress.guard.open_connections import ConnectionMetrics
from stoppress.guard.refusal_log import RefusalMetrics
from stoppress.guard.unread_answers import UnreadMetrics
from stoppress.hub.hub_metrics import HubMetrics
from stoppress.identity.jwt_callers import JwtMetrics
from stoppress.identity.sessions import SessionMetrics
from stoppress.log.log_metrics import (
    ErasureMetrics,
    FollowerMetrics,
    InboxMetrics,
    StoreMetrics,
)
from stoppress.metrics import ProcessMetrics
from stoppress.process.gc_settings_and_loop_lag import PauseMetrics
from stoppress.purge_withdrawn_posts_from_caches import PurgeMetrics
from stoppress.web.line.arrival_queue import ArrivalMetrics
from stoppress.web.line.head_limits import HeadMetrics
from stoppress.web.line.lingering_close import LingeringMetrics
from stoppress.web.line.queued_ordinary_request import RequestQueueMetrics
from stoppress.web.line.tls_handshake import TlsMetrics

DOCS = Path(__file__).parents[2] / "docs"
EVERY = (
    *(HubMetrics, FollowerMetrics, StoreMetrics, InboxMetrics),
    *(ErasureMetrics, PurgeMetrics),
    *(
        ArrivalMetrics,
        HeadMetrics,
        LingeringMetrics,
        RequestQueueMetrics,
        PauseMetrics,
        JwtMetrics,
        SessionMetrics,
    ),
    *(TlsMetrics, TicketMetrics),
    *(ConnectionMetrics, LimitMetrics, RefusalMetrics, UnreadMetrics),
)
NAMES = {
    *(
        "jwt_refused",
        "tls_handshakes",
        "sign_ins",
        "sessions_ended",
        "readers",
        "channels",
        "deliveries",
        "delivered_bytes",
        "sweep_visits",
    ),
    *("sweep_turns", "sweep_seconds", "stuck", "paced", "closed", "resets"),
    *("trimmed_events", "encoded", "handshakes_waited", "handshakes_shut_out"),
    *("requests_waited", "requests_shut_out"),
    *("heads_refused", "collector_pause_seconds", "loop_late_seconds"),
    *("redis_line_up", "redis_lines_lost", "mended", "malformed", "probes_missed"),
    *("ended_follows", "refused_tickets"),
    *("refusals", "limited", "connections", "connections_refused"),
    *("unread_bytes", "unread_closed", "lingering_cut", "revisions_dropped"),
    *("erasures_pending", "erasures_unconfirmed", "purges"),
    *("held_back_too_much", "log_aged", "inbox", "feed_faults", "unmarked"),
}
"""What dashboards of operators ask for, without `stoppress_`: none may go."""


def samples(exposition: bytes) -> dict[str, float]:
    """Values by name and labels, as a Prometheus reads them."""
    return {
        sample.name
        + "".join(f" {k}={v}" for k, v in sorted(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(exposition.decode())
        for sample in family.samples
    }


def families(metrics: ProcessMetrics) -> set[str]:
    """The names of all metrics, as Prometheus has them."""
    shown = metrics.exposition().decode()
    return {family.name for family in text_string_to_metric_families(shown)}


def test_every_metric_is_shown_under_its_name() -> None:
    """What every part declares is what `/metrics` always showed, and no more."""
    metrics = ProcessMetrics()
    for declare in EVERY:
        declare(metrics)
    assert families(metrics) == {f"stoppress_{name}" for name in NAMES}


def test_docs_name_metrics_that_are_there() -> None:
    """An alert copied from the docs must find something."""
    text = "\n".join(path.read_text("utf-8") for path in DOCS.glob("*.md"))
    named = set(re.findall(r"\bstoppress_(\w+?)(?:_total|_bucket|_sum)?\b", text))
    assert {"mended", "paced"} <= named
    assert named - {"desk", "ticket"} <= NAMES


def test_instruments_without_a_meter_count_nothing() -> None:
    """A part that nobody counts calls the same instruments."""
    for declare in EVERY:
        declare()
    hub = HubMetrics()
    hub.readers["websocket"].add(1)
    hub.channels.set(1)
    hub.stuck.add()
    PauseMetrics().late.observe(0.1)


def test_counted_values_are_in_the_metrics() -> None:
    """By counter, gauge, label, histogram and total."""
    metrics = ProcessMetrics()
    hub, follower = HubMetrics(metrics), FollowerMetrics(metrics)
    inbox, pauses = InboxMetrics(metrics), PauseMetrics(metrics)
    for wire, change in (("websocket", 1), ("websocket", 1), ("sse", 1)):
        hub.readers[wire].add(change)
    hub.readers["websocket"].add(-1)
    hub.deliveries.add(3)
    hub.delivered_bytes.value += 900
    hub.stuck.add()
    hub.resets.add(2)
    hub.feed_faults["sending"].add()
    hub.feed_faults["mending"].add()
    hub.closed["4001"].add()
    follower.line_up.set(True)
    follower.mended["log"].add()
    inbox.taken_in["refused"].add()
    pauses.late.observe(0.003)
    shown = samples(metrics.exposition())
    wanted = {
        "stoppress_feed_faults_total where=sending": 1,
        "stoppress_feed_faults_total where=mending": 1,
        "stoppress_readers wire=websocket": 1,
        "stoppress_readers wire=sse": 1,
        "stoppress_deliveries_total": 3,
        "stoppress_delivered_bytes_total": 900,
        "stoppress_stuck_total": 1,
        "stoppress_closed_total code=4001": 1,
        "stoppress_closed_total code=4000": 0,
        "stoppress_resets_total": 2,
        "stoppress_redis_line_up": 1,
        "stoppress_mended_total how=log": 1,
        "stoppress_inbox_total outcome=refused": 1,
        "stoppress_loop_late_seconds_bucket le=0.002": 0,
        "stoppress_loop_late_seconds_bucket le=0.005": 1,
    }
    assert {name: shown.get(name) for name in wanted} == wanted


def test_totals_are_added_up_once() -> None:
    """Once per second, and before they are shown."""
    metrics = ProcessMetrics()
    hub = HubMetrics(metrics)
    for _ in range(2):
        hub.deliveries.value += 3
        hub.swept_s.value += 0.5
        metrics.add_up()
    hub.swept_s.value += 0.25
    for _ in range(2):
        shown = samples(metrics.exposition())
        assert shown["stoppress_deliveries_total"] == 6
        assert shown["stoppress_sweep_seconds_total"] == 1.25


def test_two_servers_in_one_process_count_apart() -> None:
    """Nothing is global."""
    first, second = ProcessMetrics(), ProcessMetrics()
    HubMetrics(first).encoded.add()
    HubMetrics(second)
    assert samples(second.exposition())["stoppress_encoded_total"] == 0


COUNTING = """
from stoppress.hub.hub_metrics import HubMetrics
from stoppress.metrics import ProcessMetrics
metrics = ProcessMetrics()
hub = HubMetrics(metrics)
hub.readers["sse"].add(2)
hub.deliveries.add(10)
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


def test_a_gauge_shows_its_changes_and_what_it_was_set_to() -> None:
    """Changes are summed up until they are asked for; a value takes their place."""
    metrics = ProcessMetrics()
    gauge = metrics.gauge("stoppress_level", "A level.")
    by_wire = metrics.gauges("stoppress_levels", "A level per wire.", "wire")
    for _ in range(3):
        gauge.add()
        by_wire["sse"].add(2)
    gauge.add(-1)
    shown = samples(metrics.exposition())
    assert shown["stoppress_level"] == 2 and shown["stoppress_levels wire=sse"] == 6
    gauge.add(5)
    gauge.set(9)
    assert samples(metrics.exposition())["stoppress_level"] == 9
    gauge.add(-4)
    assert samples(metrics.exposition())["stoppress_level"] == 5
