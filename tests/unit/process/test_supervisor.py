"""The parent, where no whole server is needed to see what it does.

What it does with real workers and a real Valkey: tests/contract/server/test_restart.py
and test_workers.py.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[3]
BROKEN = "raise ImportError('no loop today')\n"


def test_a_worker_that_never_starts_is_told(tmp_path: Path) -> None:
    """Not tried for ever: one line, behind what the worker itself said."""
    (tmp_path / "uvloop.py").write_text(BROKEN)
    path = os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")])
    done = subprocess.run(
        [sys.executable, "-m", "stoppress", "serve", "--port", "0"]
        + ["--data", str(tmp_path / "data")],
        env=os.environ | {"PYTHONPATH": path},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert "no loop today" in done.stderr
    last = done.stderr.splitlines()[-1]
    assert last == "error: the server did not start; its log says why"
    # Valkey was stopped, too: its data can be had again.
    assert not (tmp_path / "data" / "valkey.sock").exists()


def test_a_checkout_without_its_script_says_what_to_run(tmp_path: Path) -> None:
    """One line, before anything is started."""
    for part in ("server/stoppress", "client_demo/stop-press"):
        shutil.copytree(
            ROOT / part, tmp_path / part, ignore=shutil.ignore_patterns("__pycache__")
        )
    done = subprocess.run(
        [sys.executable, "-m", "stoppress", "serve", "--port", "0"]
        + ["--data", str(tmp_path / "data")],
        env=os.environ | {"PYTHONPATH": str(tmp_path / "server")},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (done.returncode, done.stdout) == (2, "")
    (line,) = done.stderr.splitlines()
    assert "stop-press.js is missing: run `make run`" in line
    assert not (tmp_path / "data").exists()
