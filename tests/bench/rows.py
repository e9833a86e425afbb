"""One command a row of the benchmarks: measure it, print its figures.

    python -m tests.bench.rows                      what rows there are
    python -m tests.bench.rows burst [--rounds 5] [--only "Stop Press" --only nchan]
    python -m tests.bench.rows all --write docs/benchmarks     all but the soak

`--write` puts a row's figures into ROW.json and its plot into ROW.svg there;
`--more` adds rounds to those that are written already, for machines that are quiet
for a few minutes only. `--show` measures nothing and prints what is written.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from stoppress.bench.requests_per_server_kind import STOP_PRESS
from stoppress.bench.run_plan_and_result import BenchFailed
from tests.bench import measures
from tests.bench.measures import TINY, Scale, fan_out
from tests.bench.plot import plot
from tests.bench.servers import OURS, SERVERS, stop_press
from tests.bench.tls_rows import TLS_ROWS
from tests.bench.turns import (
    Claim,
    Row,
    Runs,
    Subject,
    lines,
    of,
    ratio,
    report,
    take_turns,
)

PLAIN_PATH = STOP_PRESS._replace(socket_path="/v1/liv%65?feed={feed}")
"""The same address, spelt so that the fast path leaves it to Starlette."""

burst = fan_out(lambda stage, scale: stage.plan(scale.readers, scale.burst))
many = fan_out(lambda stage, scale: stage.plan(scale.many, scale.burst))
deflated = fan_out(
    lambda stage, scale: stage.plan(scale.readers, scale.burst, deflate=True)
)
steady = fan_out(lambda stage, scale: stage.plan(scale.readers, scale.steady, rate=2.0))
last = fan_out(lambda stage, scale: stage.plan(scale.readers, scale.last, rate=2.0))
entering = fan_out(lambda stage, scale: stage.plan(scale.readers, 1))
streaming = fan_out(lambda stage, scale: stage.plan(scale.readers, 1, transport="sse"))
inflating = fan_out(lambda stage, scale: stage.plan(scale.readers, 1, deflate=True))

SPEED, CPU = "deliveries_per_s", "cpu_us_a_delivery"
P99, LAST, RSS = "p99_ms", "last_reader_p99_ms", "rss_kb_a_reader"
NCHAN, LOOP = "nchan", "Starlette loop"
DEFLATE, STREAM = f"{OURS}, deflate", f"{OURS}, server-sent events"
PLAIN_DOOR, MANY = f"{OURS}, Starlette's path", f"{OURS}, 18,000 readers"
CALM, TWO = f"{OURS}, none stalled", f"{OURS}, two processes"

SIXTEEN, ALONE = f"{OURS}, 16 editors", f"{OURS}, one editor"
KEYED = f"{SIXTEEN}, Idempotency-Key"

_ours = SERVERS[OURS]
_limited = stop_press("--limits", "on")
_peers = [server for name, server in SERVERS.items() if name != OURS]


def _with_peers(measure: measures.Measure, *ours: Subject) -> tuple[Subject, ...]:
    return (
        Subject(OURS, _ours, measure),
        *ours,
        *(Subject(server.target.name, server, measure) for server in _peers),
    )


ROWS = {
    row.name: row
    for row in (
        Row(
            "burst",
            "A burst of 200 posts to 5,000 readers",
            _with_peers(burst, Subject(DEFLATE, _ours, deflated)),
            (
                Claim("speed, × nchan", ratio(SPEED, OURS, NCHAN), 5, True),
                Claim("speed, × Starlette loop", ratio(SPEED, OURS, LOOP), 8, True),
                Claim("p99, ms", of(OURS, P99), 150),
                Claim("p99 with deflate, ms", of(DEFLATE, P99), 150),
            ),
            SPEED,
        ),
        Row(
            "steady",
            "Two posts a second to 5,000 readers",
            _with_peers(steady),
            (Claim("CPU a delivery, × nchan", ratio(CPU, OURS, NCHAN), 1.15),),
            CPU,
        ),
        Row(
            "last_reader",
            "From the publish to the last of 5,000 readers, at 2 posts a second",
            (Subject(OURS, _ours, last), Subject(NCHAN, SERVERS[NCHAN], last)),
            (Claim("p99, × nchan", ratio(LAST, OURS, NCHAN), 1.1),),
            LAST,
        ),
        Row(
            "memory",
            "Memory of 5,000 readers",
            (
                Subject(OURS, _ours, entering),
                Subject(STREAM, _ours, streaming),
                Subject(DEFLATE, _ours, inflating),
                *(Subject(peer.target.name, peer, entering) for peer in _peers),
            ),
            (
                Claim("KB a WebSocket reader", of(OURS, RSS), 2.5),
                Claim("KB a reader of server-sent events", of(STREAM, RSS), 2.5),
                Claim("KB a reader with deflate", of(DEFLATE, RSS), 3.0),
            ),
            RSS,
        ),
        Row(
            "handshakes",
            "5,000 readers come to a feed that is followed already",
            (
                Subject(OURS, _ours, entering),
                Subject(PLAIN_DOOR, stop_press(target=PLAIN_PATH), entering),
                *(Subject(peer.target.name, peer, entering) for peer in _peers),
            ),
            (
                Claim("a second, fast path", of(OURS, "handshakes_per_s"), 8500, True),
                Claim(
                    "a second, Starlette's path",
                    of(PLAIN_DOOR, "handshakes_per_s"),
                    4500,
                    True,
                ),
            ),
            "handshakes_per_s",
        ),
        Row(
            "many_readers",
            "18,000 readers of one process, beside 5,000",
            (Subject(OURS, _ours, burst), Subject(MANY, _ours, many)),
            (
                Claim("CPU a delivery, × 5,000 readers'", ratio(CPU, MANY, OURS), 1.3),
                Claim("memory a reader, × 5,000's", ratio(RSS, MANY, OURS), 1.3),
                Claim("p99, × 5,000 readers'", ratio(P99, MANY, OURS), 4.0),
            ),
            CPU,
        ),
        Row(
            "healthz",
            "/healthz while 18,000 readers are sent 5 posts a second",
            (Subject(OURS, _ours, measures.healthz),),
            (Claim("p99, ms", of(OURS, "healthz_p99_ms"), 10),),
            "healthz_p99_ms",
        ),
        Row(
            "arrivals",
            "18,000 readers arrive at once, an editor publishes",
            (Subject(OURS, _ours, measures.arrivals),),
            (
                Claim("all in, s", of(OURS, "all_in_s"), 30),
                Claim("publish p99, ms", of(OURS, "publish_p99_ms"), 250),
                Claim("memory at most, MB", of(OURS, "rss_peak_mb"), 150),
            ),
            "publish_p99_ms",
        ),
        Row(
            "stalled",
            "250 of 5,000 readers stall for 60 s at 20 posts a second",
            (
                Subject(OURS, _ours, measures.stalled),
                Subject(CALM, _ours, measures.none_stalled),
            ),
            (
                Claim("others' p99, × none stalled", ratio(P99, OURS, CALM), 1.2),
                Claim("memory grows, MB", of(OURS, "rss_growth_mb"), 16),
                Claim("gaps of the stalled", of(OURS, "stalled_gaps"), 0),
            ),
            P99,
        ),
        Row(
            "idle_feeds",
            "10,000 idle feeds with a reader each",
            (Subject(OURS, _ours, measures.idle_feeds),),
            (Claim("KB a feed", of(OURS, "rss_kb_a_feed"), 12),),
            "rss_kb_a_feed",
        ),
        Row(
            "two_processes",
            "Two processes share the readers",
            (
                Subject(OURS, _ours, burst),
                Subject(TWO, stop_press("--workers", "2"), burst),
                Subject(f"{OURS}, steady", _ours, steady),
                Subject(f"{TWO}, steady", stop_press("--workers", "2"), steady),
            ),
            (
                Claim("CPU a delivery, burst, × one", ratio(CPU, TWO, OURS), 1.1),
                Claim(
                    "CPU a delivery, 2 posts/s, × one",
                    ratio(CPU, f"{TWO}, steady", f"{OURS}, steady"),
                    1.1,
                ),
            ),
            CPU,
        ),
        Row(
            "publishes",
            "Sixteen editors and one; limits, audit and revisions on, with fsync",
            (
                Subject(SIXTEEN, _limited, measures.publishes(16)),
                Subject(KEYED, _limited, measures.publishes(16, keyed=True)),
                Subject(ALONE, _limited, measures.publishes(1)),
            ),
            (
                Claim("a second, of 16", of(SIXTEEN, "publishes_per_s"), 3500, True),
                Claim("p99 of one editor, ms", of(ALONE, "publish_p99_ms"), 10),
            ),
            "publishes_per_s",
        ),
        *TLS_ROWS,
        Row(
            "soak",
            "Half an hour: 5,000 readers, 50 of them change a second, 5 posts a second",
            (Subject(OURS, _ours, measures.soak),),
            (
                Claim("memory grows, %", of(OURS, "rss_growth_percent"), 3),
                Claim("gaps", of(OURS, "gaps"), 0),
                Claim("behind at the end", of(OURS, "behind_at_the_end"), 0),
            ),
            "rss_end_mb",
            rounds=1,
        ),
    )
}


def say(text: str) -> None:
    """Print one line."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def measure(row: Row, scale: Scale, given: argparse.Namespace) -> None:
    """Measure, print, and write if asked to."""
    file = given.write / f"{row.name}.json" if given.write else None
    runs: Runs = {}
    if file and (given.more or given.show):
        runs = json.loads(file.read_text())["runs"] if file.exists() else {}
    if not given.show:
        rounds = given.rounds or row.rounds
        for name, figures in take_turns(
            row, scale, rounds, set(given.only), say
        ).items():
            runs.setdefault(name, []).extend(figures)
    if not runs:
        say(f"{row.name}: nothing was measured")
        return
    told = report(row, scale, runs)
    say("\n".join(lines(told)))
    if file and not given.show:
        given.write.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(told, indent=1, ensure_ascii=False) + "\n")
        file.with_suffix(".svg").write_text(plot(told))


def main() -> None:
    """Measure the rows that were named."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    # With `choices` argparse would refuse the empty list.
    parser.add_argument("rows", nargs="*", metavar="ROW")
    parser.add_argument("--rounds", type=int, help="default: 5, the soak 1")
    parser.add_argument("--only", action="append", default=[], metavar="SUBJECT")
    parser.add_argument("--tiny", action="store_true", help="see that it works")
    parser.add_argument("--write", type=Path, metavar="FOLDER")
    parser.add_argument("--more", action="store_true", help="add to what is written")
    parser.add_argument("--show", action="store_true", help="only what is written")
    given = parser.parse_args()
    if unknown := set(given.rows) - {*ROWS, "all"}:
        parser.error(f"no row {', '.join(sorted(unknown))}: use all, {', '.join(ROWS)}")
    if not given.rows:
        for row in ROWS.values():
            say(f"{row.name:14} {row.title}")
    names = [name for name in ROWS if name != "soak"]
    for name in names if "all" in given.rows else given.rows:
        measure(ROWS[name], TINY if given.tiny else Scale(), given)


if __name__ == "__main__":
    try:
        main()
    except BenchFailed as failed:
        sys.exit(f"error: {failed}")
