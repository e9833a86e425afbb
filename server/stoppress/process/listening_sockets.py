"""The sockets a server listens on, bound by the parent and inherited by workers.

Rules:
- A taken port is told in one line, after trying for TRY_S: the workers of a parent
  that was killed may hold it a moment longer than the parent lived.
- One worker has one socket. Several have one each on the same port, and the kernel
  spreads new connections (SO_REUSEPORT); a first bind without it finds out whether
  somebody else has the port.
- What the kernel is told of a connection, it is told of the listening socket:
  connections inherit it (Linux), so no newcomer costs a call for it.
- `::` is every address of both families. A Unix socket (`--uds`) is one, which all
  workers accept from; its file is left over by whoever was killed, and is taken over
  unless somebody listens there.
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

TRY_S = 2.0
EARS = 8
"""Connections accepted in a turn: as many as are let in meanwhile."""
_PAUSE_S = 0.05
_USER_TIMEOUT: int | None = getattr(socket, "TCP_USER_TIMEOUT", None)  # Linux has it


class CannotListen(Exception):
    """The address can't be listened on: why, and what would do."""


async def listen(host: str, port: int, count: int) -> list[socket.socket]:
    """Bind `count` sockets to one port (0: any that is free). They do not listen yet.

    Raises CannotListen.
    """
    family, address = _resolve(host, port)
    deadline = asyncio.get_running_loop().time() + TRY_S
    while True:
        try:
            return _bind(family, address, count)
        except OSError as error:
            reason = _reason(error, host, port)
            taken = error.errno == errno.EADDRINUSE
            if not taken or asyncio.get_running_loop().time() > deadline:
                raise CannotListen(reason) from None
        await asyncio.sleep(_PAUSE_S)


async def listen_unix(path: Path) -> socket.socket:
    """Bind a Unix socket, open to all who can reach its folder. Raises CannotListen."""
    deadline = asyncio.get_running_loop().time() + TRY_S
    while _is_in_use(path):
        if asyncio.get_running_loop().time() > deadline:
            raise CannotListen(
                f"uds {str(path)!r} is taken: another server listens there; choose "
                "another path, or stop that server"
            )
        await asyncio.sleep(_PAUSE_S)
    return _bound_unix(path)


def _bound_unix(path: Path) -> socket.socket:
    one = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        with contextlib.suppress(FileNotFoundError):
            path.unlink()
        one.bind(str(path))
        # A proxy runs as another user; the folder says who may come near.
        path.chmod(0o666)
        one.setblocking(False)
    except OSError as error:
        one.close()
        # Python's own: the path is too long for the kernel.
        reason = error.strerror or str(error)
        raise CannotListen(f"can't listen on uds {str(path)!r}: {reason}") from None
    return one


def remove_unix(path: Path) -> None:
    """Remove the file of a Unix socket, unless another server listens there now."""
    with contextlib.suppress(OSError, CannotListen):
        if not _is_in_use(path):
            path.unlink()


def _is_in_use(path: Path) -> bool:
    """Whether somebody listens on a Unix socket. Raises CannotListen."""
    try:
        kind = os.stat(path).st_mode
    except OSError:
        return False  # binding says what is wrong, if something is
    if not stat.S_ISSOCK(kind):
        raise CannotListen(
            f"uds {str(path)!r} is a file that is no socket; choose another path"
        )
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(TRY_S)
        try:
            probe.connect(str(path))
        except (ConnectionRefusedError, FileNotFoundError):
            return False
        except OSError:
            pass  # its queue is full, or it is not ours to connect to
    return True


def limit(listener: socket.socket, settings: Settings) -> None:
    """Bound what the kernel holds for each connection, and how long it waits for one.

    A reader's send buffer is `send_buffer`; a peer that acknowledges nothing for
    `dead_peer` seconds is gone (TCP_USER_TIMEOUT, RFC 5482).
    """
    if settings.send_buffer:
        size = settings.send_buffer
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, size)
    is_tcp = listener.family != socket.AF_UNIX
    if settings.dead_peer and _USER_TIMEOUT is not None and is_tcp:
        limit_ms = int(settings.dead_peer * 1000)
        listener.setsockopt(socket.IPPROTO_TCP, _USER_TIMEOUT, limit_ms)


def ears(listener: socket.socket) -> list[socket.socket]:
    """The socket, and copies of it to listen on besides.

    uvloop accepts one connection a turn on each socket, and a turn takes a
    millisecond while a crowd is let in or served: with one socket, 300 to 1,000 a
    second were accepted, and the kernel's queue ran over.
    """
    return [listener, *(listener.dup() for _ in range(EARS - 1))]


def _resolve(host: str, port: int) -> tuple[int, tuple[object, ...]]:
    try:
        found = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )
    except (OSError, UnicodeError):
        raise CannotListen(
            f"host {host!r} is no address of this machine; "
            "127.0.0.1 listens on this machine alone, 0.0.0.0 on all its addresses, "
            ":: on those of IPv6 too"
        ) from None
    return found[0][0], found[0][4]


def _bind(family: int, address: tuple[object, ...], count: int) -> list[socket.socket]:
    first = _bound(family, address, shared=False)
    if count == 1:
        return [first]
    # The port that was found, if any would do.
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
        # Else the port stays taken for a minute after a server that closed first.
        one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if shared:
            one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        if family == socket.AF_INET6:
            alone = int(address[0] != "::")
            one.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, alone)
        one.bind(address)
        # Two who only bind do not disturb each other; the second to listen is told.
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
                f"port {port} on {host} is taken; choose another with --port, "
                "or stop what has it"
            )
        case errno.EACCES:
            return f"port {port} may not be used by this user; ports from 1024 on may"
        case errno.EADDRNOTAVAIL:
            return f"host {host!r} is no address of this machine"
    return f"can't listen on {host}:{port}: {error.strerror}"
