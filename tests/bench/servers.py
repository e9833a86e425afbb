"""The servers of the comparison: Stop Press, and its peers where they are here.

A peer is set up as its own documentation does it. nchan is Debian's (`nginx`,
`libnginx-mod-nchan`). ws and Socket.IO come from npm and broadcaster from PyPI,
into a folder outside the repository (BENCH_CACHE), when a benchmark asks for them;
what can't be had is left out, and said in one line.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from stoppress.bench.requests_per_server_kind import STOP_PRESS, ServerKind
from tests.bench.stage import TOKEN, Command
from tests.ports import reserve_port

PEERS = Path(__file__).parent / "peers"
CACHE = Path(os.environ.get("BENCH_CACHE", Path.home() / ".cache" / "stop-press-bench"))
NCHAN = Path("/usr/lib/nginx/modules/ngx_nchan_module.so")
INSTALL_S = 120.0
_PYTHON = CACHE / "broadcaster"
_BROADCASTER = "broadcaster>=0.3.1", "redis>=5,<6"
"""With the newest redis-py its listener ends before the first subscription is there."""
_OK = frozenset({200, 201, 202})
_UPGRADED = b"\r\n\r\n"

Start = Callable[[Path, int], Command]
"""The command that serves on a port, with a folder of its own."""


class Server(NamedTuple):
    """One server: how to redis to it, how to start it, and whether it is here.

    `missing` says what is not here, or nothing. `around`: how many bytes it puts
    around a text, beside the frame.
    """

    target: ServerKind
    start: Start
    missing: Callable[[], str] = str
    around: int = 0
    tls: bool = False


def peer(name: str, follow: str, publish: str, ready: bytes = _UPGRADED) -> ServerKind:
    """How to redis to a peer, which passes on what it is sent."""
    return ServerKind(name, follow, follow, ready, publish, _OK)


def stop_press(*options: str, target: ServerKind = STOP_PRESS) -> Server:
    """Stop Press, with options of `stoppress serve`."""

    return Server(
        target, lambda folder, port: stop_press_command(folder, port, *options)
    )


def stop_press_command(folder: Path, port: int, *options: str) -> Command:
    """How Stop Press is started; without limits, unless the options say otherwise."""
    words = [sys.executable, "-m", "stoppress", "serve", "--port", str(port)]
    data = ["--data", str(folder / "data")]
    environ = {"STOPPRESS_ADMIN_TOKEN": TOKEN, "STOPPRESS_LIMITS": "off"}
    return Command([*words, *data, *options], environ)


def _nchan(folder: Path, port: int) -> Command:
    conf = folder / "nchan.conf"
    text = (PEERS / "nchan.conf").read_text()
    conf.write_text(text.format(module=NCHAN, folder=folder, port=port))
    return Command(["nginx", "-c", str(conf), "-p", str(folder)], {})


def _node(script: str) -> Start:
    def start(folder: Path, port: int) -> Command:
        modules = {"NODE_PATH": str(CACHE / "node_modules")}
        return Command(["node", str(PEERS / script), str(port)], modules)

    return start


def _uvicorn(app: str) -> Start:
    def start(folder: Path, port: int) -> Command:
        words = [sys.executable, "-m", "uvicorn", "--app-dir", str(PEERS)]
        words += ["--port", str(port), "--log-level", "warning", "--no-access-log"]
        words += ["--backlog", "8192", "--ws-per-message-deflate", "false"]
        words += ["--ws-ping-interval", "600", f"{app}:app"]
        environ = {"PYTHONPATH": str(_PYTHON)}
        return Command(words, {**environ, "BROADCAST_PORT": str(reserve_port())})

    return start


def no_nchan() -> str:
    """What is missing for nchan, or nothing."""
    here = NCHAN.exists() and shutil.which("nginx")
    return "" if here else "Debian: apt-get install nginx libnginx-mod-nchan"


def _no_module(name: str) -> Callable[[], str]:
    def missing() -> str:
        if not (CACHE / "node_modules" / name).exists() and shutil.which("npm"):
            install_from_npm("ws@8", "socket.io@4")
        here = shutil.which("node") and (CACHE / "node_modules" / name).exists()
        return "" if here else "node and npm, with a registry, would bring it"

    return missing


def _no_broadcaster() -> str:
    if not _PYTHON.exists():
        _install(
            [sys.executable, "-m", "pip", "install", "-qq"]
            + ["--disable-pip-version-check"]
            + ["--target", str(_PYTHON), *_BROADCASTER]
        )
    here = _PYTHON.exists()
    if not (here and shutil.which("redis-server")):
        return "pip, with an index, and redis-server would bring it"
    return ""


def install_from_npm(*packages: str) -> None:
    """Bring packages into the cache, if there is a registry."""
    _install(
        ["npm", "install", "--silent", "--no-audit", "--no-fund"]
        + ["--prefix", str(CACHE), *packages]
    )


def _install(command: list[str]) -> None:
    try:
        subprocess.run(command, capture_output=True, timeout=INSTALL_S, check=False)
    except subprocess.TimeoutExpired:
        pass  # it is not here then


SERVERS = {
    server.target.name: server
    for server in (
        stop_press(),
        Server(peer("nchan", "/follow/{feed}", "/publish/{feed}"), _nchan, no_nchan),
        Server(peer("ws", "/", "/publish"), _node("ws.js"), _no_module("ws")),
        Server(
            peer(
                "Socket.IO",
                "/socket.io/?EIO=4&transport=websocket",
                "/publish",
                b'40{"sid"',
            )._replace(asks=b'0{"sid"', reply=b"\x81\x82\x00\x00\x00\x0040"),
            _node("socketio.js"),
            _no_module("socket.io"),
            around=len('42["message",""]'),
        ),
        Server(
            peer("Starlette loop", "/follow", "/publish"), _uvicorn("starlette_loop")
        ),
        Server(
            peer("broadcaster", "/follow", "/publish", b"hello"),
            _uvicorn("starlette_broadcaster"),
            _no_broadcaster,
        ),
    )
}
OURS = STOP_PRESS.name
