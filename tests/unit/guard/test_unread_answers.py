"""Answers that nobody reads take bounded memory."""

from __future__ import annotations

from stoppress.guard.unread_answers import UnreadAnswers, UnreadMetrics
from tests.tally import Tally


class Wire:
    """A transport with bytes to write."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.aborted = False

    def get_write_buffer_size(self) -> int:
        return self.size

    def abort(self) -> None:
        self.aborted = True


def test_the_connection_waiting_longest_is_closed() -> None:
    """Later ones stay; bytes that are read free memory."""
    tally = Tally()
    answers = UnreadAnswers(1000, UnreadMetrics(tally))
    wires = [Wire(300) for _ in range(5)]
    for wire in wires:
        answers.add(wire)
    assert [wire.aborted for wire in wires] == [True, True, False, False, False]
    assert answers.waiting_bytes == 900 == tally.sum("stoppress_unread_bytes")
    assert tally.sum("stoppress_unread_closed") == 2
    answers.end(wires[2])
    answers.end(wires[0])
    last = Wire(300)
    answers.add(last)
    assert not any(wire.aborted for wire in (*wires[2:], last))
    for wire in (*wires, last):
        answers.end(wire)
    assert (len(answers), answers.waiting_bytes) == (0, 0)
    assert tally.sum("stoppress_unread_bytes") == 0


def test_bytes_read_meanwhile_are_not_counted() -> None:
    """The bytes are counted anew before anybody is closed."""
    answers = UnreadAnswers(1000)
    slow, other = Wire(900), Wire(600)
    answers.add(slow)
    slow.size = 100
    answers.add(other)
    assert not slow.aborted and answers.waiting_bytes == 700


def test_an_answer_above_the_bound_alone_is_closed() -> None:
    """And without a bound none is; what was read at once is not kept."""
    answers, free = UnreadAnswers(1000), UnreadAnswers()
    huge = Wire(5000)
    answers.add(huge)
    assert huge.aborted and answers.waiting_bytes == 0
    kept = Wire(1 << 30)
    free.add(kept)
    free.add(Wire(0))
    assert not kept.aborted and len(free) == 1
