"""Each reader of a crowd finds protocol faults, and handshakes are timed."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from stoppress.domain.cursor import Cursor
from tests.faults import long_life, rolling, storm
from tests.faults.reader_crowd import CrowdReader, ReaderCrowd, peak

HEAD = Cursor("e", 4)


def text(message: str) -> bytes:
    """A message as a server frames it."""
    data = message.encode()
    assert len(data) < 126
    return bytes((0x81, len(data))) + data


def faults_of(*messages: str) -> list[str]:
    """The faults that a reader at e-4 finds in these messages."""
    crowd = ReaderCrowd(("127.0.0.1", 1), "x", 7)
    reader = CrowdReader(HEAD)
    reader.buffer = b"".join(text(message) for message in messages)
    crowd._parse(0, reader)
    crowd.close()
    return crowd.faults


def event(seq: int, kind: str = "post.published", epoch: str = "e") -> str:
    """A message with a cursor."""
    return f'{{"type":"{kind}","feed":"x","cursor":"{epoch}-{seq}","retry_ms":9}}'


def test_a_correct_connection_has_no_fault() -> None:
    """Also over a reset, after which it goes on at another cursor."""
    assert not faults_of(event(4, "hello"), event(5), event(5, "beat"), event(6))
    assert not faults_of(event(5), event(6, "feed.updated"), event(7), event(7, "beat"))
    assert not faults_of(event(9, "reset", "f"), event(10, epoch="f"))


@pytest.mark.parametrize(
    "messages",
    [
        (event(6),),
        (event(5), event(7)),
        (event(5), event(5)),
        (event(5), event(6, epoch="f")),
        (event(4),),
        (event(5, epoch="f"),),
        (event(3, "hello"),),
        (event(5, "beat"),),
        ("no JSON",),
    ],
)
def test_each_protocol_fault_is_found(messages: tuple[str, ...]) -> None:
    """A gap, a repeat, another epoch, another cursor, an invalid message."""
    assert len(faults_of(*messages)) == 1


def test_the_peak_covers_every_window_of_a_second() -> None:
    """Windows may begin at any time, not only at a full second."""
    assert peak([]) == 0
    assert peak([0.2, 0.9, 1.1, 1.19, 1.3, 5.0]) == 4


def test_a_rolling_restart_loses_no_event(tmp_path: Path) -> None:
    """Two servers behind nginx, with some readers; `rolling.py` has thousands."""
    found = asyncio.run(rolling.roll(60, 1000, tmp_path, drain_s=1))
    assert not found.faults
    assert found.count.at_goal == 60
    assert found.count.seen["bye"] >= 60


def test_readers_within_the_trimmed_log_are_resumed(tmp_path: Path) -> None:
    """A feed four times as long as its log; `long_life.py` has 50,000 events."""
    life = asyncio.run(long_life.live(800, 200, tmp_path, parts=2))
    assert not [one for one in life.faults if " ms after " not in one]
    assert life.resumed >= 20
    assert life.reset >= 3


def test_reconnects_and_resets_are_served_from_memory(tmp_path: Path) -> None:
    """Both, with some readers; `storm.py` has thousands."""
    back, reset, _ = asyncio.run(storm.play(200, tmp_path, least_s=3))
    faults = [one for one in back.faults + reset.faults if "p99" not in one]
    assert not faults
    assert back.count.readers == reset.count.at_goal == 200
    assert reset.count.seen["snapshots"] == 200
