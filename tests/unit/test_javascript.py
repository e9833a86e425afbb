"""The browser's modules, tested by node's own runner where node is installed."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1] / "javascript"
FILES = sorted(path.name for path in TESTS.glob("*.test.mjs"))


def test_there_are_tests() -> None:
    """The folder has not been moved away."""
    assert FILES


@pytest.mark.skipif(shutil.which("node") is None, reason="node is not installed")
@pytest.mark.parametrize("name", FILES)
def test_module(name: str) -> None:
    """node --test is content."""
    run = subprocess.run(
        ["node", "--test", name],
        cwd=TESTS,
        capture_output=True,
        text=True,
        timeout=500,
        check=False,
    )
    assert run.returncode == 0, run.stdout + run.stderr
