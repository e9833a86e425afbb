"""The table of descriptors is made once, not while connections come."""

from __future__ import annotations

import subprocess
import sys

import pytest


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel tells it on Linux")
@pytest.mark.parametrize("limit", [700, 1024])
def test_the_table_has_room_for_the_limit(limit: int) -> None:
    """As the kernel tells its size; no descriptor stays open for that."""
    script = (
        "import os, resource\n"
        "from stoppress.process.preallocate_descriptor_table import "
        "make_room_for_descriptors\n"
        f"resource.setrlimit(resource.RLIMIT_NOFILE, ({limit}, {limit}))\n"
        "before = os.listdir('/proc/self/fd')\n"
        "make_room_for_descriptors()\n"
        "status = open('/proc/self/status').read()\n"
        "print(status.partition('FDSize:')[2].split()[0])\n"
        "print(os.listdir('/proc/self/fd') == before)\n"
    )
    said = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    size, is_same = said.stdout.split()
    assert int(size) >= limit
    assert is_same == "True"


@pytest.mark.skipif(sys.platform != "linux", reason="descriptors differ elsewhere")
def test_a_limit_that_is_used_up_is_no_error() -> None:
    """The server starts all the same."""
    script = (
        "import os, resource\n"
        "from stoppress.process.preallocate_descriptor_table import "
        "make_room_for_descriptors\n"
        "resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))\n"
        "os.dup2(0, 63)\n"
        "make_room_for_descriptors()\n"
    )
    subprocess.run([sys.executable, "-c", script], check=True)
