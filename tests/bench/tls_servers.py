"""The servers of the comparison over TLS: the hub's own, nchan, Bun, and a hub behind
nginx as `deploy/nginx.conf` sets it up.

All have the same kind of certificate (P-256). Bun comes from npm, as servers.py says.
"""

from __future__ import annotations

import re
import shutil
import sys
from pathlib import Path

from stoppress.bench.requests_per_server_kind import STOP_PRESS
from tests.bench import behind_proxy
from tests.bench.servers import (
    CACHE,
    NCHAN,
    PEERS,
    Server,
    install_from_npm,
    no_nchan,
    peer,
    stop_press_command,
)
from tests.bench.stage import Command
from tests.certificates import issue
from tests.ports import reserve_port

NGINX_CONF = Path(__file__).parents[2] / "deploy" / "nginx.conf"
BUN = CACHE / "node_modules" / ".bin" / "bun"
BEHIND = f"{STOP_PRESS.name} behind nginx"
NCHAN_TLS, BUN_TLS = "nchan", "Bun"


def _pair(folder: Path) -> tuple[str, str]:
    """A certificate for 127.0.0.1 and its key, in the folder."""
    files = issue(folder)
    return str(files.cert), str(files.key)


def _hub(folder: Path, port: int) -> Command:
    certificate, key = _pair(folder)
    return stop_press_command(
        *(folder, port, "--tls-cert", certificate, "--tls-key", key)
    )


def _nchan(folder: Path, port: int) -> Command:
    certificate, key = _pair(folder)
    conf = folder / "nchan.conf"
    text = (PEERS / "nchan_tls.conf").read_text()
    conf.write_text(
        text.format(
            module=NCHAN, folder=folder, port=port, certificate=certificate, key=key
        )
    )
    return Command(["nginx", "-c", str(conf), "-p", str(folder)], {})


def _bun(folder: Path, port: int) -> Command:
    return Command([str(BUN), str(PEERS / "bun.js"), str(port), *_pair(folder)], {})


def _behind_nginx(folder: Path, port: int) -> Command:
    hub_port, path, conf = reserve_port(), folder / "hub", folder / "nginx.conf"
    hub = stop_press_command(folder, hub_port, "--uds", str(path))
    conf.write_text(proxy_conf(folder, port, path))
    launcher = [sys.executable, behind_proxy.__file__, str(path)]
    proxy = ["nginx", "-c", str(conf), "-p", str(folder), "-g", "daemon off;"]
    return Command([*launcher, *hub.words, "--", *proxy], hub.environ, hub_port)


def proxy_conf(folder: Path, port: int, hub: Path) -> str:
    """`deploy/nginx.conf` with one worker, on this port, before this hub."""
    certificate, key = _pair(folder)
    text = NGINX_CONF.read_text()
    for pattern, new in (
        (r"user www-data;", "user root;"),
        (r"worker_processes auto;", "worker_processes 1;"),
        (r"worker_rlimit_nofile \d+;", "worker_rlimit_nofile 60000;"),
        (r"worker_connections \d+;", "worker_connections 40000;"),
        (r"/var/log/nginx|/run(?=/nginx\.pid)", str(folder)),
        (r"(?s)    server \{\n        listen 80;.*?\n    \}\n", ""),
        (r"listen 443 ssl http2;", f"listen 127.0.0.1:{port} ssl backlog=8192;"),
        (r"listen \[::\]:443 ssl http2;", ""),
        (r"/etc/ssl/\S+\.pem", certificate),
        (r"/etc/ssl/\S+\.key", key),
        (
            r"(        server 127\.0\.0\.1:800\d .*;\n)+",
            f"        server unix:{hub};\n",
        ),
    ):
        text, count = re.subn(pattern, new, text)
        if not count:
            raise ValueError(f"{NGINX_CONF} has no {pattern!r}")
    return text


def _no_bun() -> str:
    if not BUN.exists() and shutil.which("npm"):
        install_from_npm("bun@1")
    return "" if BUN.exists() else "npm, with a registry, would bring it"


def _no_nginx() -> str:
    return "" if shutil.which("nginx") else "Debian: apt-get install nginx"


TLS_SERVERS = {
    server.target.name: server
    for server in (
        Server(STOP_PRESS, _hub, tls=True),
        Server(
            peer(NCHAN_TLS, "/follow/{feed}", "/publish/{feed}"),
            *(_nchan, no_nchan),
            tls=True,
        ),
        Server(peer(BUN_TLS, "/", "/"), _bun, _no_bun, tls=True),
        Server(STOP_PRESS._replace(name=BEHIND), _behind_nginx, _no_nginx, tls=True),
    )
}
