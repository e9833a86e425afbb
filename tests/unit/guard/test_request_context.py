"""Request ids."""

from __future__ import annotations

import multiprocessing
from multiprocessing.connection import Connection

import pytest

from stoppress.guard.request_context import is_request_id, new_request_id


def test_ids_are_valid_and_differ() -> None:
    """Two are never the same."""
    ids = {new_request_id() for _ in range(1000)}
    assert len(ids) == 1000 and all(map(is_request_id, ids))


def test_a_forked_process_gives_other_ids() -> None:
    """Though it has a copy of this one's memory."""
    new_request_id()
    forked = multiprocessing.get_context("fork")
    line, theirs = forked.Pipe()
    process = forked.Process(target=_send_ids, args=(theirs,))
    process.start()
    assert line.poll(60)
    found = line.recv()
    process.join()
    assert len({*found, *(new_request_id() for _ in range(1000))}) == 2000


def _send_ids(line: Connection) -> None:
    line.send([new_request_id() for _ in range(1000)])


@pytest.mark.parametrize(
    "text", ["", "short", "a b c d e f", "x" * 129, "id\r\nset-cookie: a", "ünsichtbar"]
)
def test_an_id_that_could_break_a_log_or_a_header_is_refused(text: str) -> None:
    """From a trusted proxy too."""
    assert not is_request_id(text)
