"""Request ids."""

from __future__ import annotations

import subprocess
import sys

import pytest

from stoppress.guard.request_context import is_request_id, new_request_id


def test_ids_are_valid_and_differ() -> None:
    """Two are never the same."""
    ids = {new_request_id() for _ in range(1000)}
    assert len(ids) == 1000 and all(map(is_request_id, ids))


FORKED = """
import os
from stoppress.guard.request_context import new_request_id

new_request_id()
if child := os.fork():
    os.waitpid(child, 0)
print(*(new_request_id() for _ in range(300)), flush=True)
"""
"""A process without threads, which may fork safely."""


def test_a_forked_process_gives_other_ids() -> None:
    """Though it has a copy of its parent's memory."""
    ran = subprocess.run(
        [sys.executable, "-c", FORKED], capture_output=True, check=True, timeout=60
    )
    ids = ran.stdout.split()
    assert len(ids) == len(set(ids)) == 600


@pytest.mark.parametrize(
    "text", ["", "short", "a b c d e f", "x" * 129, "id\r\nset-cookie: a", "ünsichtbar"]
)
def test_an_id_that_could_break_a_log_or_a_header_is_refused(text: str) -> None:
    """From a trusted proxy too."""
    assert not is_request_id(text)
