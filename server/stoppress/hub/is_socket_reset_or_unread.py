"""What the kernel knows of a connected socket.

Rule: one system call each, and none that waits.
"""

from __future__ import annotations

import fcntl
import select
import termios

_ZERO = bytes(4)
"""The C integer 0, as an ioctl returns it."""


def is_reset(fd: int) -> bool:
    """Whether the connection is closed in both directions."""
    poll = select.poll()
    poll.register(fd, 0)  # errors and hang-ups are reported in any case
    return bool(poll.poll(0))


def has_unread_bytes(fd: int) -> bool:
    """Whether the peer has not read all that was sent (Unix sockets).

    False where the system does not tell. Over TCP these are the bytes that the peer's
    kernel has not acknowledged, which is another question (Linux: tcp(7), unix(7)).
    """
    try:
        return fcntl.ioctl(fd, termios.TIOCOUTQ, _ZERO) != _ZERO
    except OSError:
        return False
