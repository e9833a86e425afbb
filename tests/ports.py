"""Ports that a test holds before anything listens there, and until its process ends.

Rules: a port comes from below the range from which the system takes a port
for `port 0`, so that no connection and no `port 0` gets it; it is locked among all test
processes of this user, so that no other worker draws it. What binds port 0 itself
and tells its port needs none of this.
"""

from __future__ import annotations

import errno
import fcntl
import os
import socket
import tempfile
from collections import deque
from contextlib import suppress
from pathlib import Path

EPHEMERAL = Path("/proc/sys/net/ipv4/ip_local_port_range")
COUNT = 12_000
"""Ports to draw from; a run of the whole suite takes a few hundred."""
MOST_HELD = 1_000
"""Ports held by one process; from then on its oldest is given out again."""


class Ports:
    """The ports of one process: drawn in turn, each locked in a file by its number.

    The locks are of the process, so its end frees them, however it ends. A child
    that is forked holds none.
    """

    def __init__(self, file: Path, first: int, count: int = COUNT) -> None:
        # Never closed: closing any descriptor of the file would free the locks.
        self._file = os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        self._first = first
        self._count = count
        self._next = os.getpid() * 97 % count
        self._held: deque[int] = deque()

    def draw(self) -> int:
        """A port where nothing listens, held from now on. Raises OSError if none is."""
        for _ in range(self._count):
            port = self._first + self._next
            self._next = (self._next + 1) % self._count
            if port in self._held or not self._locks(port):
                continue
            self._held.append(port)
            if not is_open(port):
                return self._within_bounds(port)
        raise OSError(f"no free port from {self._first} on: all are taken")

    def _within_bounds(self, port: int) -> int:
        if len(self._held) > MOST_HELD:
            oldest = self._held.popleft()
            fcntl.lockf(self._file, fcntl.LOCK_UN, 1, oldest)
        return port

    def _locks(self, port: int) -> bool:
        with suppress(BlockingIOError, PermissionError):
            fcntl.lockf(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, port)
            return True
        return False


def is_open(port: int) -> bool:
    """Whether something, of whomever, listens on the port or holds it bound."""
    for family, host in ((socket.AF_INET, ""), (socket.AF_INET6, "::")):
        try:
            probe = socket.socket(family)
        except OSError:
            continue  # no IPv6 here
        with probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if family == socket.AF_INET6:
                probe.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            try:
                probe.bind((host, port))
            except OSError as refused:
                if refused.errno != errno.EADDRNOTAVAIL:  # IPv6 is turned off
                    return True
    return False


def first_of(ephemeral: str) -> int:
    """Where to draw from, below the range given as `low high`."""
    low = int(ephemeral.split()[0]) if ephemeral else 32_768
    return low - COUNT - 768 if low > COUNT + 2_000 else 20_000


_ours: Ports | None = None


def reserve_port() -> int:
    """A port of 127.0.0.1 that is this process's alone until it ends."""
    global _ours
    if _ours is None:
        told = EPHEMERAL.read_text() if EPHEMERAL.exists() else ""
        file = Path(tempfile.gettempdir()) / f"stop-press-test-ports-{os.getuid()}"
        _ours = Ports(file, first_of(told))
    return _ours.draw()
