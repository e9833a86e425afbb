"""The sockets a server listens on, bound by the parent and inherited by workers.

Rules:
- A taken port is reported after trying for BIND_FOR_S: the workers of a parent that
  was killed may hold it a moment longer than the parent lived.
- One worker has one socket. Several have one each on the same port, and the kernel
  spreads new connections (SO_REUSEPORT); a first bind without it finds out whether
  another process has the port.
- Socket options of connections are set on the listening socket: connections inherit
  them (Linux), so no new connection costs a system call for them.
- `::` is every address of both families. All workers accept from one Unix socket
  (`--uds`). A killed server leaves its file behind; the next one replaces it, unless
  another server listens there.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import socket
import stat
from pathlib import Path

from stoppress.settings import Settings

BIND_FOR_S = 2.0
CONNECTIONS_PER_TURN = 8
"""Connections accepted per turn of the loop: as many as a turn admits."""
MOST_OF_AN_OPTION = (1 << 31) - 1
"""The largest value of a socket's option."""
_BIND_PAUSE_S = 0.05
_USER_TIMEOUT: int | None = getattr(socket, "TCP_USER_TIMEOUT", None)  # Linux has it


class CannotListen(Exception):
    """The address can't be listened on: why, and what to use instead."""


async def listen(host: str, port: int, count: int) -> list[socket.socket]:
    """Bind `count` sockets to one port (0: any that is free). They do not listen yet.

    Raises CannotListen.
    """
    family, address = _resolve(host, port)
    deadline = asyncio.get_running_loop().time() + BIND_FOR_S
    while True:
        try:
            return _bind(family, address, count)
        except OSError as error:
            reason = _reason(error, host, port)
            taken = error.errno == errno.EADDRINUSE
            if not taken or asyncio.get_running_loop().time() > deadline:
                raise CannotListen(reason) from None
        await asyncio.sleep(_BIND_PAUSE_S)


async def listen_unix(path: Path) -> socket.socket:
    """Bind a Unix socket, open to every user who can reach its folder.

    Raises CannotListen.
    """
    deadline = asyncio.get_running_loop().time() + BIND_FOR_S
    while _is_in_use(path):
        if asyncio.get_running_loop().time() > deadline:
            raise CannotListen(
                f"uds {str(path)!r} is taken: another server listens there; use "
                "another path, or stop that server"
            )
        await asyncio.sleep(_BIND_PAUSE_S)
    return _bound_unix(path)


def _bound_unix(path: Path) -> socket.socket:
    one = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        with contextlib.suppress(FileNotFoundError):
            path.unlink()
        one.bind(str(path))
        # A proxy runs as another user; the rights of the folder limit access.
        path.chmod(0o666)
        one.setblocking(False)
    except OSError as error:
        one.close()
        # Python's own error: the path is too long for the kernel.
        reason = error.strerror or str(error)
        raise CannotListen(f"can't listen on uds {str(path)!r}: {reason}") from None
    return one


def remove_unix(path: Path) -> None:
    """Remove the file of a Unix socket, unless another server listens there now."""
    with contextlib.suppress(OSError, CannotListen):
        if not _is_in_use(path):
            path.unlink()


def _is_in_use(path: Path) -> bool:
    """Whether another server listens on a Unix socket. Raises CannotListen."""
    try:
        kind = os.stat(path).st_mode
    except OSError:
        return False  # binding reports what is wrong, if anything
    if not stat.S_ISSOCK(kind):
        raise CannotListen(
            f"uds {str(path)!r} is invalid (a file, not a socket): use another path"
        )
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(BIND_FOR_S)
        try:
            probe.connect(str(path))
        except (ConnectionRefusedError, FileNotFoundError):
            return False
        except OSError:
            pass  # its queue is full, or this user may not connect
    return True


def limit(listener: socket.socket, settings: Settings) -> None:
    """Bound what the kernel holds per connection, and how long it waits for a peer.

    A reader's send buffer is `send_buffer_bytes`; a peer that acknowledges nothing for
    `dead_peer_s` seconds is gone (TCP_USER_TIMEOUT, RFC 5482).
    """
    if settings.send_buffer_bytes:
        size = min(settings.send_buffer_bytes, MOST_OF_AN_OPTION)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, size)
    is_tcp = listener.family != socket.AF_UNIX
    if is_tcp:
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if settings.dead_peer_s and _USER_TIMEOUT is not None and is_tcp:
        limit_ms = min(int(settings.dead_peer_s * 1000), MOST_OF_AN_OPTION)
        listener.setsockopt(socket.IPPROTO_TCP, _USER_TIMEOUT, limit_ms)


def copies_of(listener: socket.socket) -> list[socket.socket]:
    """The socket and copies of it, all to be listened on.

    uvloop accepts one connection per turn on each socket, and a turn takes a
    millisecond under load: with one socket, 300 to 1,000 connections per second were
    accepted, and the kernel's queue overflowed.
    """
    return [listener, *(listener.dup() for _ in range(CONNECTIONS_PER_TURN - 1))]


def _resolve(host: str, port: int) -> tuple[int, tuple[object, ...]]:
    try:
        found = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )
    except (OSError, UnicodeError):
        raise CannotListen(
            f"host {host!r} is invalid (not an address of this machine): "
            "use 127.0.0.1 for this machine alone, 0.0.0.0 for all its addresses, "
            ":: for those of IPv6 too"
        ) from None
    return found[0][0], found[0][4]


def _bind(family: int, address: tuple[object, ...], count: int) -> list[socket.socket]:
    first = _bound(family, address, shared=False)
    if count == 1:
        return [first]
    # The actual port, if 0 was given.
    address = first.getsockname()
    first.close()
    sockets: list[socket.socket] = []
    try:
        while len(sockets) < count:
            sockets.append(_bound(family, address, shared=True))
    except OSError:
        for one in sockets:
            one.close()
        raise
    return sockets


def _bound(family: int, address: tuple[object, ...], *, shared: bool) -> socket.socket:
    one = socket.socket(family, socket.SOCK_STREAM)
    try:
        # Otherwise the port stays taken for a minute after a connection closed.
        one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if shared:
            one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        if family == socket.AF_INET6:
            alone = int(address[0] != "::")
            one.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, alone)
        one.bind(address)
        # Two processes may bind; only the second one to listen gets an error.
        if not shared:
            one.listen()
        one.setblocking(False)
    except OSError:
        one.close()
        raise
    return one


def _reason(error: OSError, host: str, port: int) -> str:
    match error.errno:
        case errno.EADDRINUSE:
            return (
                f"port {port} on {host} is taken: use another --port, "
                "or stop the process that has it"
            )
        case errno.EACCES:
            return f"port {port} is not allowed for this user: use 1024 or more"
        case errno.EADDRNOTAVAIL:
            return f"host {host!r} is invalid: not an address of this machine"
    return f"can't listen on {host}:{port}: {error.strerror}"
