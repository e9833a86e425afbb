"""Every row is measured, in small: its counts are complete and its file has all.

Timing decides nothing here.
"""

from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree

import pytest

from tests.bench.measures import TINY
from tests.bench.plot import plot
from tests.bench.rows import ROWS
from tests.bench.servers import OURS, SERVERS, Server
from tests.bench.tls_servers import TLS_SERVERS
from tests.bench.turns import Claim, medians, of, ratio, report, take_turns

HERE = ("Stop Press", "Starlette loop")
"""What is here wherever the tests run; nothing is fetched for the others."""
BY_THEMSELVES = ("many_readers", "soak")
AS_OTHERS = (
    *("tls_steady", "tls_last_reader", "tls_memory", "tls_handshakes"),
    "tls_many_readers",
)
"""Measured as other rows are, on servers that `tls_burst` has started."""
DELIVERIES = {
    "burst": TINY.readers * TINY.burst,
    "steady": TINY.readers * TINY.steady,
    "last_reader": TINY.readers * TINY.last,
    "memory": TINY.readers,
    "handshakes": TINY.readers,
    "healthz": TINY.many * 5,
    "arrivals": TINY.many,
    "stalled": (TINY.readers - TINY.stalled) * 40,
    "idle_feeds": TINY.feeds,
    "tls_burst": TINY.readers * TINY.burst,
    "tls_arrivals": TINY.readers,
}


@pytest.mark.parametrize(
    "name", [each for each in ROWS if each not in BY_THEMSELVES + AS_OTHERS]
)
def test_a_row_counts_every_delivery(name: str) -> None:
    """Of each subject, and each claim has its figure."""
    row = ROWS[name]
    only = {
        each.name
        for each in row.subjects
        if each.name.startswith(HERE) and not each.server.missing()
    }
    said: list[str] = []
    runs = take_turns(row, TINY, 1, only, said.append)
    assert set(runs) == only
    told = json.loads(json.dumps(report(row, TINY, runs)))
    for subject, (figures,) in runs.items():
        if name in DELIVERIES:
            assert figures["deliveries"] == DELIVERIES[name], subject
        assert row.drawn in figures
        assert told["medians"][subject][row.drawn] == figures[row.drawn]
    for claim in told["claims"]:
        # A ratio needs two figures, and a few readers may cost nothing at all.
        assert claim["figure"] is not None or "×" in claim["what"], claim
    assert len(said) == len(only)
    ElementTree.fromstring(plot(told))


def test_two_numbers_of_readers_have_their_own_counts() -> None:
    """The larger is larger, and every reader is served."""
    row = ROWS["many_readers"]
    runs = take_turns(row, TINY, 1, set(), lambda text: None)
    counts = [run["deliveries"] for (run,) in runs.values()]
    assert counts == [TINY.readers * TINY.burst, TINY.many * TINY.burst]


def test_the_soak_has_no_gap_while_readers_change() -> None:
    """A returning reader resumes; none is behind at the end."""
    runs = take_turns(ROWS["soak"], TINY, 1, set(), lambda text: None)
    (figures,) = runs[OURS]
    assert figures["gaps"] == figures["behind_at_the_end"] == figures["cut"] == 0
    assert figures["churned"] == TINY.soak_s * TINY.churn
    # One that leaves again before it is greeted is not resumed: if all do, 7 are left.
    resumed = figures["resumed"]
    assert isinstance(resumed, int) and resumed >= 7


PEERS = [
    *(("burst", name, server) for name, server in SERVERS.items()),
    *(("tls_burst", name, server) for name, server in TLS_SERVERS.items()),
]


@pytest.mark.parametrize(
    ("row", "name", "server"), [each for each in PEERS if not each[1].startswith(HERE)]
)
def test_a_compared_server_delivers_the_same_bytes(
    row: str, name: str, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If it is installed: its deliveries are as long as those of this server."""
    monkeypatch.setattr("tests.bench.servers._install", lambda command: None)
    if missing := server.missing():
        pytest.skip(f"{name}: {missing}")
    runs = take_turns(ROWS[row], TINY, 1, {OURS, name}, lambda text: None)
    (ours,), (theirs,) = runs[OURS], runs[name]
    assert theirs["deliveries"] == ours["deliveries"]
    assert theirs["bytes_a_delivery"] == pytest.approx(ours["bytes_a_delivery"], abs=1)


def test_medians_ratios_and_claims_are_computed() -> None:
    """Of each figure over the rounds; a missing figure makes no claim."""
    shown = medians(
        {
            "a": [{"x": 1.0, "n": None}, {"x": 5.0, "n": None}, {"x": 2.0, "n": 3}],
            "b": [{"x": 4.0, "note": "text"}],
        }
    )
    assert shown == {"a": {"x": 2.0, "n": 3}, "b": {"x": 4.0}}
    least = Claim("least", ratio("x", "b", "a"), 2.5, True).held(shown)
    assert (least["figure"], least["holds"]) == (2.0, False)
    assert Claim("most", of("a", "x"), 2.0).held(shown)["holds"] is True
    assert Claim("none", of("c", "x"), 2.0).held(shown)["figure"] is None


def test_every_row_in_the_docs_can_be_measured() -> None:
    """Each has a measure of that name."""
    written = Path(__file__).parents[2] / "docs" / "benchmarks"
    names = {file.stem for file in written.glob("*.*")}
    assert names <= set(ROWS)
