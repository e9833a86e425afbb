"""Ports that a test holds."""

from __future__ import annotations

import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests import ports
from tests.ports import EPHEMERAL, Ports, first_of, is_open, reserve_port

DRAW = """
import sys
from pathlib import Path
from tests.ports import Ports
held = Ports(Path(sys.argv[1]), int(sys.argv[2]), 3)
print(held.draw(), flush=True)
sys.stdin.read()
"""


def fresh(file: Path, count: int) -> Ports:
    """Draws from a few ports that were just drawn here."""
    while True:
        first = reserve_port()
        if [reserve_port() for _ in range(count - 1)] == list(
            range(first + 1, first + count)
        ):
            return Ports(file, first, count)


def test_no_port_is_given_twice() -> None:
    """Not even where nothing listens yet."""
    drawn = [reserve_port() for _ in range(50)]
    assert len(set(drawn)) == 50


def test_a_port_is_never_one_the_system_gives_away() -> None:
    """A connection or a `port 0` of another must not get it."""
    if EPHEMERAL.exists():
        low, high = map(int, EPHEMERAL.read_text().split())
        assert not low <= reserve_port() <= high
    assert first_of("32768\t60999\n") + ports.COUNT <= 32_768
    assert first_of("49152 65535") + ports.COUNT <= 49_152
    assert 1_024 < first_of("1024 65535") < 65_535 - ports.COUNT


def test_a_port_that_another_process_holds_is_passed_over(tmp_path: Path) -> None:
    """Until that process ends, even if nothing listens there."""
    file = tmp_path / "ports"
    mine = fresh(file, 3)
    with subprocess.Popen(
        [sys.executable, "-c", DRAW, str(file), str(mine._first)],
        cwd=Path(__file__).parents[1],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as other:
        assert other.stdin is not None and other.stdout is not None
        theirs = int(other.stdout.readline())
        ours = {mine.draw(), mine.draw()}
        assert theirs not in ours
        with pytest.raises(OSError, match="all are taken"):
            mine.draw()
        other.stdin.close()
        other.wait(60)
    assert mine.draw() == theirs


def test_a_port_where_something_listens_is_passed_over(tmp_path: Path) -> None:
    """The listener may have asked for that port by number."""
    mine = fresh(tmp_path / "ports", 2)
    first = mine._first + mine._next
    with socket.create_server(("127.0.0.1", first)):
        assert is_open(first)
        assert mine.draw() != first
    assert not is_open(first)


def test_a_long_run_gives_its_oldest_out_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So that a campaign of thousands does not run out."""
    monkeypatch.setattr(ports, "MOST_HELD", 2)
    mine = fresh(tmp_path / "ports", 3)
    drawn = [mine.draw() for _ in range(6)]
    assert drawn[3:] == drawn[:3]
