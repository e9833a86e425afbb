"""From a clean clone to the first post on screen, with `make run` and nothing else.

    python -m tests.bench.first_post [--worktree] [--json]

The clock starts before `git clone` and stops when Chromium shows a post of the page
that `make run` printed. pip's own settings (its index, its cache) are the
machine's. `--worktree` takes the files as they are here, committed or not.
"""

from __future__ import annotations

import argparse
import json
import os
import queue
import re
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from pathlib import Path

from playwright.sync_api import sync_playwright

from tests.faults.server import ROOT
from tests.ports import reserve_port

LIMIT_S = 90.0
END_S = 30.0
_ADDRESS = re.compile(r"http://[\w.:\[\]-]+/live/[a-z0-9-]+")
_POST = "article"


def clone(folder: Path, worktree: bool) -> Path:
    """A copy as a newcomer gets it."""
    copy = folder / "stop-press"
    if not worktree:
        subprocess.run(["git", "clone", "-q", str(ROOT), str(copy)], check=True)
        return copy
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        check=True,
        capture_output=True,
    )
    for name in filter(None, listed.stdout.decode().split("\0")):
        if (ROOT / name).is_file():
            (copy / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, copy / name)
    return copy


def run(copy: Path) -> subprocess.Popen[str]:
    """`make run`, on a port that is free."""
    environment = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("STOPPRESS_", "PYTHONPATH", "VIRTUAL_ENV"))
    }
    return subprocess.Popen(
        ["make", "run", f"PORT={reserve_port()}"],
        cwd=copy,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


def printed_address(process: subprocess.Popen[str], within_s: float) -> str:
    """The reader's address, as it is printed."""
    lines: queue.Queue[str | None] = queue.Queue()

    def read() -> None:
        assert process.stdout is not None
        for line in process.stdout:
            lines.put(line)
        lines.put(None)

    threading.Thread(target=read, daemon=True).start()
    deadline = time.monotonic() + within_s
    said: list[str] = []
    while (
        line := lines.get(timeout=max(0.1, deadline - time.monotonic()))
    ) is not None:
        said.append(line)
        if found := _ADDRESS.search(line):
            return found[0]
    raise RuntimeError("make run ended:\n" + "".join(said))


def see_a_post(address: str) -> str:
    """Open the page in Chromium; the text of the first post once it is visible."""
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(
            executable_path="/usr/bin/chromium",
            args=["--no-sandbox", "--disable-background-networking"],
        )
        try:
            page = chromium.new_page()
            page.goto(address)
            post = page.locator(_POST).first
            post.wait_for(state="visible", timeout=30_000)
            return post.inner_text()
        finally:
            chromium.close()


def end(process: subprocess.Popen[str]) -> None:
    """Interrupt it as Ctrl-C would; kill its session if that does not end it."""
    try:
        os.killpg(process.pid, signal.SIGINT)
        process.wait(END_S)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    except ProcessLookupError:
        process.wait()


def main() -> None:
    """Measure once, print the times, and fail if it takes too long."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--worktree", action="store_true")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="stop-press-") as folder:
        began = time.monotonic()
        copy = clone(Path(folder), given.worktree)
        process = run(copy)
        try:
            address = printed_address(process, 10 * LIMIT_S)
            printed_s = time.monotonic() - began
            text = see_a_post(address)
            shown_s = time.monotonic() - began
        finally:
            end(process)
    if given.json:
        print(json.dumps({"printed_s": printed_s, "shown_s": shown_s}))  # noqa: T201
    else:
        print(f"address printed after {printed_s:6.1f} s: {address}")  # noqa: T201
        print(f"first post seen after {shown_s:6.1f} s: {text[:60]!r}")  # noqa: T201
    raise SystemExit(shown_s > LIMIT_S)


if __name__ == "__main__":
    main()
