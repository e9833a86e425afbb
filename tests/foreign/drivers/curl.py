"""curl, with the version of HTTP that the fourth argument names: `--http2`."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

from tests.foreign.drivers.console import Answer, FollowedFeed, following, run

CURL = ["curl", "--silent", "--show-error", "--no-buffer", sys.argv[4]]


def _named(headers: dict[str, str]) -> list[str]:
    pairs = [("--header", f"{name}: {value}") for name, value in headers.items()]
    return [word for pair in pairs for word in pair]


def ask(method: str, url: str, headers: dict[str, str], body: bytes | None) -> Answer:
    """One request of a curl of its own."""
    named = _named(headers)
    data = [] if body is None else ["--data-binary", "@-"]
    with tempfile.TemporaryDirectory() as folder:
        heads = Path(folder, "heads")
        done = subprocess.run(
            [*CURL, "--request", method, *named, *data]
            + ["--max-time", "20", "--compressed", "--dump-header", str(heads), url],
            input=body,
            stdout=subprocess.PIPE,
            check=False,
        )
        blocks = heads.read_text().strip().replace("\r", "").split("\n\n")
    # An upgrade's answer, or a Continue, comes before the one that counts.
    first, *lines = blocks[-1].split("\n")
    pairs = (line.partition(":") for line in lines)
    fields = {name.lower(): value.strip() for name, _, value in pairs}
    return Answer(int(first.split()[1]) if first else 0, fields, done.stdout)


def once(followed: FollowedFeed) -> None:
    """Follow until the connection breaks."""
    named = _named(followed.as_stream)
    with subprocess.Popen(
        [*CURL, *named, followed.events], stdout=subprocess.PIPE, text=True
    ) as curl:
        assert curl.stdout is not None
        followed.heard_lines(curl.stdout)


run(ask, following(once))
