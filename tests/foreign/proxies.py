"""Proxies of other makers in front of hubs, started and stopped.

`caddy`, `nginx` and `haproxy` use the files in `deploy/` (`proxy_commands.py`); others
change bytes on the way (`transforming_proxies.py`).

Rules: every port is held from the moment it is drawn. The proxy inherits the listening
socket, so no other process can take it, and a client that connects early waits.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import socket
import ssl
from asyncio.subprocess import STDOUT, Process
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import trustme

from tests.foreign.proxy_commands import COMMANDS
from tests.foreign.proxy_site import Site
from tests.foreign.transforming_proxies import transforming

SHIPPED = ("caddy", "nginx", "haproxy")
FOUND = ("nginx-defaults", "nginx-gzip", "caddy-encode", "haproxy-defaults")
TRANSFORMING = ("splitting", "no-upgrade")
NO_SOCKETS = ("nginx-defaults", "nginx-gzip")
"""Behind these a WebSocket is refused (426), and readers fall back."""
ALL = (*SHIPPED, *FOUND, *TRANSFORMING)
END_S = 60.0


@contextlib.asynccontextmanager
async def proxied(
    name: str,
    hubs: Sequence[str],
    folder: Path,
    *,
    authority: trustme.CA | None = None,
    lines: Sequence[str] = (),
    changes: Sequence[tuple[str, str]] = (),
) -> AsyncIterator[str]:
    """The address of a proxy over some hubs; its log is `folder/<name>.log`.

    With an authority it speaks TLS, with a certificate for 127.0.0.1.
    """
    with socket.create_server(("127.0.0.1", 0), backlog=1024) as listener:
        # nginx takes it as it is, and would wait in accept.
        listener.setblocking(False)
        site = Site(folder, hubs, listener, authority, lines, changes)
        if name in TRANSFORMING:
            async with transforming(name, site):
                yield site.base
            return
        command, environment = COMMANDS[name](site)
        async with _running(name, site, command, environment) as process:
            await _answers(process, site, folder / f"{name}.log")
            yield site.base


@contextlib.asynccontextmanager
async def _running(
    name: str, site: Site, command: list[str], environment: dict[str, str]
) -> AsyncIterator[Process]:
    """The proxy's process, ended at the end whatever happened."""
    with (site.folder / f"{name}.log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            *command,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=log,
            stderr=STDOUT,
            env=os.environ | environment,
            pass_fds=(site.listener.fileno(),),
        )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.terminate()
            try:
                await asyncio.wait_for(process.wait(), END_S)
            except TimeoutError:
                process.kill()
                await process.wait()


async def _answers(process: Process, site: Site, log: Path) -> None:
    """Wait until the proxy takes connections; the kernel holds them until then."""
    context: ssl.SSLContext | None = None
    if site.authority is not None:
        context = ssl.create_default_context()
        site.authority.configure_trust(context)
    asking = asyncio.create_task(_ask(site.port, context))
    ending = asyncio.create_task(process.wait())
    await asyncio.wait({asking, ending}, timeout=60, return_when="FIRST_COMPLETED")
    ended = ending.done()
    ending.cancel()
    if ended or not asking.done():
        asking.cancel()
        said = await asyncio.to_thread(log.read_text)
        raise AssertionError(f"the proxy did not start:\n{said}")
    await asking


async def _ask(port: int, context: ssl.SSLContext | None) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context)
    writer.write(b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n")
    await reader.readline()
    writer.close()
    with contextlib.suppress(OSError):
        await writer.wait_closed()


def missing(name: str) -> str:
    """What this machine lacks to run a proxy; "" if nothing."""
    for program in ("nginx", "haproxy"):
        if name.startswith(program):
            found = shutil.which(program, path=f"{os.environ['PATH']}:/usr/sbin")
            return "" if found else f"{program} is not installed"
    return ""
