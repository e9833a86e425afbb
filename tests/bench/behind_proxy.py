"""A hub and the proxy before it, as one server: both end with this process.

    python behind_proxy.py SOCKET HUB_COMMAND… -- PROXY_COMMAND…

The proxy starts as soon as the hub answers on its Unix socket.
"""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import time
from contextlib import suppress
from types import FrameType

START_S = 60.0
END_S = 60.0


def main() -> None:
    """Run both until a signal, or until either ends."""
    path, *words = sys.argv[1:]
    cut = words.index("--")
    hub = subprocess.Popen(words[:cut])
    running = [hub]

    def end(_: int, __: FrameType | None) -> None:
        raise SystemExit

    signal.signal(signal.SIGTERM, end)
    try:
        _wait_for(path, hub)
        running.append(subprocess.Popen(words[cut + 1 :]))
        while all(process.poll() is None for process in running):
            time.sleep(0.2)
    finally:
        for process in reversed(running):
            process.terminate()
            with suppress(subprocess.TimeoutExpired):
                process.wait(END_S)


def _wait_for(path: str, hub: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + START_S
    while time.monotonic() < until and hub.poll() is None:
        with suppress(OSError), socket.socket(socket.AF_UNIX) as probe:
            probe.connect(path)
            return
        time.sleep(0.05)
    raise SystemExit(f"no hub answers on {path}")


if __name__ == "__main__":
    main()
