"""Readiness of many sockets, with one handle of the event loop for all of them.

Rules:
- On Linux all sockets are in one epoll instance, which the loop watches: a socket
  costs an entry of a dict. A loop's own handle per socket costs 0.6 KB more.
  Elsewhere the loop watches each socket.
- A turn of the loop handles events for POLL_SLICE_S at most, then the loop runs
  everything else. Events left over come first in the next turn: fetched again they
  would be behind all others that are ready.
- A fault in one socket's handling ends that socket, and no other.
"""

from __future__ import annotations

import asyncio
import logging
import select
import time
from collections import deque
from collections.abc import Callable
from typing import Protocol

POLL_SLICE_S = 0.001
"""Time per turn for the events of all sockets."""
EVENTS_PER_POLL = 64
"""Events fetched per turn."""

READABLE = 1
WRITABLE = 4
DISCONNECTED = 8 | 16
"""An error or a hang-up; always reported."""
# The numbers are those of epoll.

log = logging.getLogger(__name__)


class PolledSocket(Protocol):
    """An owner of a socket that the poller watches."""

    def is_ready(self, events: int) -> None:
        """Handle events: READABLE, WRITABLE, DISCONNECTED."""

    def abort(self) -> None:
        """Close the socket now: its handling has failed."""


class SocketPoller(Protocol):
    """Watches sockets, by descriptor."""

    @property
    def only_changes(self) -> bool:
        """Whether an event is reported when it comes, and not as long as it lasts.

        Then an owner reads until nothing is left, or asks again with `change`; and a
        socket that has to wait need not be paused.
        """

    def watch(self, fd: int, owner: PolledSocket, events: int) -> None:
        """Report `events` of a descriptor to `owner`, from now on."""

    def change(self, fd: int, owner: PolledSocket, events: int) -> None:
        """Report to another owner, or other events; 0 for DISCONNECTED only."""

    def forget(self, fd: int) -> None:
        """Stop; call it before the descriptor is closed."""

    def close(self) -> None:
        """Stop watching all sockets."""


def socket_poller(
    loop: asyncio.AbstractEventLoop, *, only_changes: bool = False
) -> SocketPoller:
    """The poller for this system; `only_changes` if it can."""
    if not hasattr(select, "epoll"):
        return LoopPoller(loop)
    return EpollPoller(loop, only_changes=only_changes)


class EpollPoller:
    """One epoll instance for all sockets."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        clock: Callable[[], float] = time.perf_counter,
        *,
        only_changes: bool = False,
    ) -> None:
        self._loop = loop
        self._clock = clock
        self.only_changes = only_changes
        self._flags = select.EPOLLET if only_changes else 0
        self._epoll = select.epoll()
        self._owners: dict[int, PolledSocket] = {}
        self._fetched: deque[tuple[int, PolledSocket, int]] = deque()
        loop.add_reader(self._epoll.fileno(), self._turn)

    def __len__(self) -> int:
        return len(self._owners)

    def watch(self, fd: int, owner: PolledSocket, events: int) -> None:
        """Report `events` of a descriptor to `owner`, from now on."""
        self._epoll.register(fd, events | self._flags)
        self._owners[fd] = owner

    def change(self, fd: int, owner: PolledSocket, events: int) -> None:
        """Report to another owner, or other events; 0 for DISCONNECTED only."""
        self._epoll.modify(fd, events | self._flags)
        self._owners[fd] = owner

    def forget(self, fd: int) -> None:
        """Stop; call it before the descriptor is closed."""
        if self._owners.pop(fd, None) is not None:
            self._epoll.unregister(fd)

    def close(self) -> None:
        """Stop watching all sockets."""
        if not self._epoll.closed:
            self._loop.remove_reader(self._epoll.fileno())
            self._epoll.close()
            self._owners.clear()
            self._fetched.clear()

    def _turn(self) -> None:
        deadline = self._clock() + POLL_SLICE_S
        owners = self._owners
        fetched = self._fetched
        if not fetched:
            for fd, events in self._epoll.poll(0, EVENTS_PER_POLL):
                if fd in owners:
                    fetched.append((fd, owners[fd], events))
        while fetched:
            fd, owner, events = fetched.popleft()
            # An earlier event may have closed the socket, or handed it over.
            if owners.get(fd) is owner:
                _tell(owner, events)
            if self._clock() > deadline:
                break
        if fetched and self.only_changes:
            # The kernel, which has reported them, does not wake the loop again.
            self._loop.call_soon(self._go_on)

    def _go_on(self) -> None:
        if self._fetched:
            self._turn()


class LoopPoller:
    """A loop's own handles, on systems without epoll."""

    only_changes = False

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._known: set[int] = set()

    def __len__(self) -> int:
        return len(self._known)

    def watch(self, fd: int, owner: PolledSocket, events: int) -> None:
        """Report `events` of a descriptor to `owner`, from now on."""
        self._known.add(fd)
        if events & READABLE:
            self._loop.add_reader(fd, _tell, owner, READABLE)
        else:
            self._loop.remove_reader(fd)
        if events & WRITABLE:
            self._loop.add_writer(fd, _tell, owner, WRITABLE)
        else:
            self._loop.remove_writer(fd)

    change = watch

    def forget(self, fd: int) -> None:
        """Stop; call it before the descriptor is closed."""
        self._known.discard(fd)
        self._loop.remove_reader(fd)
        self._loop.remove_writer(fd)

    def close(self) -> None:
        """Stop watching all sockets."""
        for fd in list(self._known):
            self.forget(fd)


def _tell(owner: PolledSocket, events: int) -> None:
    try:
        owner.is_ready(events)
    except Exception:
        log.exception("a connection failed; it is closed")
        owner.abort()
