"""The rows over TLS 1.3: the hub's own, beside nchan, Bun, and a hub behind nginx."""

from __future__ import annotations

from tests.bench import measures
from tests.bench.measures import Measure, fan_out
from tests.bench.returning import returning
from tests.bench.tls_servers import BEHIND, BUN_TLS, NCHAN_TLS, TLS_SERVERS
from tests.bench.turns import Claim, Row, Subject, of, ratio

HUB = "Stop Press"
MANY = f"{HUB}, 18,000 readers"
SPEED, CPU = "deliveries_per_s", "cpu_us_a_delivery"
P99, LAST, RSS = "p99_ms", "last_reader_p99_ms", "rss_kb_a_reader"

burst = fan_out(lambda stage, scale: stage.plan(scale.readers, scale.burst))
many = fan_out(lambda stage, scale: stage.plan(scale.many, scale.burst))
steady = fan_out(lambda stage, scale: stage.plan(scale.readers, scale.steady, rate=2.0))
last = fan_out(lambda stage, scale: stage.plan(scale.readers, scale.last, rate=2.0))
entering = fan_out(lambda stage, scale: stage.plan(scale.readers, 1))


def _all(measure: Measure, *without: str) -> tuple[Subject, ...]:
    return tuple(
        Subject(name, server, measure)
        for name, server in TLS_SERVERS.items()
        if name not in without
    )


TLS_ROWS = (
    Row(
        "tls_burst",
        "Over TLS: a burst of 200 posts to 5,000 readers",
        _all(burst),
        (
            Claim("speed, × nchan", ratio(SPEED, HUB, NCHAN_TLS), 6, True),
            Claim("speed, × Bun", ratio(SPEED, HUB, BUN_TLS), 4, True),
            Claim("p99, ms", of(HUB, P99), 150),
            Claim(
                "behind nginx: speed, × nchan", ratio(SPEED, BEHIND, NCHAN_TLS), 3, True
            ),
            Claim("behind nginx: p99, ms", of(BEHIND, P99), 250),
        ),
        SPEED,
    ),
    Row(
        "tls_steady",
        "Over TLS: two posts a second to 5,000 readers",
        _all(steady),
        (
            Claim("CPU a delivery, × nchan", ratio(CPU, HUB, NCHAN_TLS), 1.1),
            Claim(
                "behind nginx: CPU a delivery, × nchan",
                ratio(CPU, BEHIND, NCHAN_TLS),
                1.4,
            ),
        ),
        CPU,
    ),
    Row(
        "tls_last_reader",
        "Over TLS: from the publish to the last of 5,000 readers, at 2 posts a second",
        _all(last, BUN_TLS),
        (Claim("p99, × nchan", ratio(LAST, HUB, NCHAN_TLS), 1.1),),
        LAST,
        10,
    ),
    Row(
        "tls_memory",
        "Over TLS: memory of 5,000 readers",
        _all(entering),
        (Claim("KB a reader", of(HUB, RSS), 16),),
        RSS,
    ),
    Row(
        "tls_handshakes",
        "Over TLS: 5,000 readers come to a feed that is followed already",
        _all(entering),
        (
            Claim(
                "a second, × nchan",
                ratio("handshakes_per_s", HUB, NCHAN_TLS),
                *(1, True),
            ),
        ),
        "handshakes_per_s",
    ),
    Row(
        "tls_returning",
        "Over TLS: 5,000 readers come back to the same worker with their tickets",
        (Subject(HUB, TLS_SERVERS[HUB], returning),),
        (
            Claim("resumed, %", of(HUB, "resumed_percent"), 95, True),
            Claim("CPU × a full handshake's", of(HUB, "cpu_of_a_full_handshake"), 1.0),
        ),
        "resumed_percent",
    ),
    Row(
        "tls_many_readers",
        "Over TLS: 18,000 readers of one process, beside 5,000",
        (
            Subject(HUB, TLS_SERVERS[HUB], burst),
            Subject(MANY, TLS_SERVERS[HUB], many),
        ),
        (
            Claim("CPU a delivery, × 5,000 readers'", ratio(CPU, MANY, HUB), 1.3),
            Claim("memory a reader, × 5,000's", ratio(RSS, MANY, HUB), 1.3),
            Claim("p99, × 5,000 readers'", ratio(P99, MANY, HUB), 4.0),
        ),
        CPU,
    ),
    Row(
        "tls_arrivals",
        "Over TLS: 5,000 readers arrive at once, an editor publishes",
        (Subject(HUB, TLS_SERVERS[HUB], measures.arrivals_of_readers),),
        (Claim("publish p99, ms", of(HUB, "publish_p99_ms"), 250),),
        "publish_p99_ms",
    ),
)
