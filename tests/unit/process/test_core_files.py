"""No core file is written."""

from __future__ import annotations

import subprocess
import sys


def test_a_process_and_its_children_leave_none() -> None:
    """The limit is inherited."""
    script = (
        "import os, resource, subprocess, sys\n"
        "from stoppress.process.core_files import leave_no_core\n"
        "leave_no_core()\n"
        "print(resource.getrlimit(resource.RLIMIT_CORE))\n"
        "ask = 'import resource; print(resource.getrlimit(resource.RLIMIT_CORE))'\n"
        "sys.stdout.flush(); subprocess.run([sys.executable, '-c', ask])\n"
    )
    said = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert said.stdout.splitlines() == ["(0, 0)", "(0, 0)"]
