"""Room in the kernel's table of this process's descriptors, made before any is needed.

The table doubles whenever a descriptor does not fit, and a process with threads waits
each time until all processors have left the old table: 7 to 17 ms in which nobody is
served, at the 256th connection, the 512th, and so on (Linux).
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import resource

MOST = 65_536
"""Descriptors that room is made for, at most: half a MiB of the kernel's memory."""


def make_room_for_descriptors() -> None:
    """Make the table as large as this process's limit allows, up to MOST."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = MOST if soft == resource.RLIM_INFINITY else min(soft, MOST)
    with contextlib.suppress(OSError):  # it is then made as it is needed
        # The table does not shrink when the highest descriptor is closed.
        os.close(fcntl.fcntl(0, fcntl.F_DUPFD_CLOEXEC, most - 1))
