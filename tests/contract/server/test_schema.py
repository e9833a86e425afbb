"""A share of what `make schema` runs: every call, a few examples, always the same."""

from __future__ import annotations

import pytest

from tests.contract.server.schema_run import run, running

EXAMPLES = 3
PHASES = ("--phases", "examples,fuzzing", "--generation-deterministic")


def test_every_call_answers_as_described(capfd: pytest.CaptureFixture[str]) -> None:
    """Valid input is accepted, invalid input is refused; no 5xx."""
    with running() as (server, folder):
        code = run(server, folder, EXAMPLES, *PHASES)
    assert code == 0, capfd.readouterr().out
