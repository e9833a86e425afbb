"""`stoppress demo`: when it tells its address, there is something to see."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import httpx

from tests.plain_http import PATIENCE_S, PLAIN

END_S = 60


def test_the_demo_page_shows_a_post_as_soon_as_its_address_is_printed(
    tmp_path: Path,
) -> None:
    """The coverage has begun when the address is printed."""
    environment = {k: v for k, v in os.environ.items() if "STOPPRESS" not in k}
    process = subprocess.Popen(
        [sys.executable, "-m", "stoppress", "demo", "--port", "0"]
        + ["--data", str(tmp_path / "data"), "--drain-s", "0"],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=environment,
        text=True,
    )
    try:
        assert process.stdout is not None
        found = None
        for line in process.stdout:
            found = re.match(r" +Read +(http://\S+)", line)
            if found:
                break
        assert found is not None, "the page was never told"
        page = httpx.get(
            verify=PLAIN, url=found[1], timeout=PATIENCE_S, trust_env=False
        )
        assert page.status_code == 200
        assert "<article" in page.text
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(END_S)
        if process.stdout is not None:
            process.stdout.close()
