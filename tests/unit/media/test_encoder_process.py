"""The process has limits, and tells what it made or why not."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import msgspec

from tests.made_pictures import bomb, encoded, photo

LIMITS = (
    "import sys, resource; from stoppress.media import encoder_process as p; "
    "p.main(int(sys.argv[1])); "
    "print([resource.getrlimit(x)[0] for x in (resource.RLIMIT_CPU, "
    "resource.RLIMIT_CORE, resource.RLIMIT_AS)], file=sys.stderr)"
)


def run(data: bytes, tmp_path: Path) -> subprocess.CompletedProcess[bytes]:
    """The program with a file as its input."""
    path = tmp_path / "picture"
    path.write_bytes(data)
    with path.open("rb") as file:
        return subprocess.run(
            [sys.executable, "-I", "-c", LIMITS, "1000000"],
            stdin=file,
            capture_output=True,
            check=False,
            timeout=60,
        )


def test_the_output_is_a_line_and_the_files(tmp_path: Path) -> None:
    """One line, then the files; under the kernel's limits."""
    done = run(encoded(photo(600, 400), "JPEG"), tmp_path)
    line, _, rest = done.stdout.partition(b"\n")
    reported = msgspec.json.decode(line)
    assert len(rest) == sum(one["size"] for one in reported["files"])
    assert done.stderr.strip() == b"[30, 0, 2147483648]"


def test_the_output_names_the_reason_of_a_refusal(tmp_path: Path) -> None:
    """Without a line end, which only a picture has."""
    done = run(bomb(2000), tmp_path)
    assert msgspec.json.decode(done.stdout)["reason"] == "pixels"
    assert not done.stdout.endswith(b"\n") and done.returncode == 0
