"""A later release can be made of this one."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.faults.releases import EVENT, MEMBER, PATCHES, later_release
from tests.faults.server import ROOT

LOOK = f"""
from stoppress.domain.event import KNOWN_TYPES
from stoppress.domain.post import Post
assert {EVENT!r} in KNOWN_TYPES
assert {MEMBER!r} in Post.__struct_fields__
"""


def test_every_patch_applies() -> None:
    """The text it replaces is in the package, once."""
    for file, was, _ in PATCHES:
        text = (ROOT / "server" / "stoppress" / file).read_text()
        assert text.count(was) == 1, (file, was)


def test_the_patched_package_has_additions(tmp_path: Path) -> None:
    server = later_release(tmp_path)
    said = subprocess.run(
        [
            *(sys.executable, "-c", LOOK),
        ],
        env={"PYTHONPATH": str(server)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert said.returncode == 0, said.stderr
