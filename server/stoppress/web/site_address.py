"""Where the site is: under which path, and at which address if that is not set.

Rules:
- Under a path (`public_url=https://news.example/liveblog`) a request may come with
  the path or without it, as proxies strip it or not: the routes see it without.
  Once more in front it does no harm, so an address may be joined either way.
- `/metrics` is for whoever reaches the server itself: it is not under the path.
- Without `public_url` what a trusted proxy forwards is the address: of a network that
  `trusted_proxies` names, or on a Unix socket. Nobody else's headers count.
- Whoever can choose the Host can choose the address: each has answers of its own,
  MAX_SITES of them at a time, and NEW_SITE_S between two that are new. What all
  readers share, the live line, has the address that was asked for most.
"""

from __future__ import annotations

import re
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_address

from starlette.types import ASGIApp, Receive, Scope, Send

from stoppress.settings import BadSetting, Settings

FIRST_SEGMENTS = frozenset(
    {
        "",
        "demo",
        "desk",
        "embed",
        "healthz",
        "live",
        "media",
        "oembed",
        "openapi.json",
        "readyz",
        "sitemap.xml",
        "stop-press",
        "v1",
    }
)
"""How addresses of ours begin, files apart. A site under /live needs to know."""
MAX_SITES = 8
"""Addresses that are forwarded here and served at a time; the least used one goes."""
NEW_SITE_S = 1.0
"""Between two addresses that are new: each costs some milliseconds."""

_FILE = re.compile(r"(stop-press|page)\.[\w.]+", re.ASCII)
_Network = IPv4Network | IPv6Network


def below(path: str, root: str) -> str:
    """The path as routes know it, whether a proxy left `root` in front or not."""
    before = inner = path
    while root and inner.startswith(root) and inner[len(root) :][:1] in ("", "/"):
        before, inner = inner, inner[len(root) :] or "/"
    first = inner[1:].partition("/")[0]
    # Under /live a feed's own address looks like the path that the site is under.
    return inner if first in FIRST_SEGMENTS or _FILE.fullmatch(first) else before


@dataclass(slots=True)
class _Site:
    """One address that was told, and how often."""

    settings: Settings
    app: ASGIApp
    asked: int = 0


class SiteAddress:
    """An application under a path, or at the address that a trusted proxy tells.

    `site` makes the application of an address from the settings with it; `prefer`
    hears of the address that was asked for most.
    """

    def __init__(
        self,
        app: ASGIApp,
        settings: Settings,
        site: Callable[[Settings], ASGIApp],
        prefer: Callable[[Settings], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._app = app
        self._settings = settings
        self._site = site
        self._prefer = prefer
        self._clock = clock
        self._networks = settings.networks
        self._sites: OrderedDict[str, _Site] = OrderedDict()
        self._preferred: _Site | None = None
        self._made_at = -NEW_SITE_S

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        app, root = self._app, self._settings.root
        if scope["type"] != "lifespan":
            if is_trusted(scope.get("client"), self._networks):
                app, root = self._forwarded(scope)
            if root:
                _enter(scope, root)
        await app(scope, receive, send)

    def _forwarded(self, scope: Scope) -> tuple[ASGIApp, str]:
        """The application for what a trusted proxy says of the request."""
        told = forwarded(scope["headers"], scope["scheme"])
        if told is None:
            return self._app, self._settings.root
        secure, base = told
        scheme = "ws" if scope["type"] == "websocket" else "http"
        scope["scheme"] = f"{scheme}s" if secure else scheme
        if self._settings.public_url:
            return self._app, self._settings.root
        found = self._sites.get(base) or self._new_site(base)
        if found is None:
            return self._app, ""
        self._sites.move_to_end(base)
        found.asked += 1
        preferred = self._preferred
        if preferred is None or found.asked > preferred.asked:
            if found is not preferred:
                self._prefer(found.settings)
            self._preferred = found
        return found.app, found.settings.root

    def _new_site(self, base: str) -> _Site | None:
        """The site of an address not told before; None if it is none, or too soon."""
        now = self._clock()
        if now - self._made_at < NEW_SITE_S:
            return None
        self._made_at = now
        try:
            settings = self._settings.with_public_url(base)
        except BadSetting:
            return None
        made = self._sites[base] = _Site(settings, self._site(settings))
        if len(self._sites) > MAX_SITES:
            self._sites.popitem(last=False)
        return made


def is_trusted(client: object, networks: Sequence[_Network]) -> bool:
    """Whether a peer's word on whom it forwards for counts."""
    if client is None:
        return True  # a Unix socket
    if not networks:
        return False
    host = client[0] if isinstance(client, tuple | list) else ""
    try:
        address = ip_address(host)
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None) or address
    return any(mapped in network for network in networks)


def forwarded(
    headers: Iterable[tuple[bytes, bytes]], scheme: str
) -> tuple[bool, str] | None:
    """Whether the reader came over TLS, and the address, as a proxy tells them.

    `X-Forwarded-Proto`, `-Host` and `-Prefix`, or RFC 7239's `Forwarded`; None
    without any. Of several proxies the first one, which readers meet, is told first.
    """
    found: dict[str, str] = {}
    for name, value in headers:
        found.setdefault(name.decode("latin-1"), value.decode("latin-1"))
    pairs = _PAIR.findall(found.get("forwarded", "").partition(",")[0])
    said = {name.lower(): quoted or plain for name, quoted, plain in pairs}

    def first(name: str) -> str:
        return found.get(f"x-forwarded-{name}", "").partition(",")[0].strip()

    proto = first("proto") or said.get("proto", "")
    host = first("host") or said.get("host", "")
    if not proto and not host:
        return None
    proto = proto.lower() or scheme.replace("ws", "http")
    prefix = "/" + first("prefix").strip("/")
    host = host or found.get("host", "")
    return proto in ("https", "wss"), f"{_HTTP.get(proto, proto)}://{host}{prefix}"


_PAIR = re.compile(r'(\w+)=(?:"([^"]*)"|([^;,\s"]*))')
_HTTP = {"ws": "http", "wss": "https"}


def _enter(scope: Scope, root: str) -> None:
    """Take the path that the site is under off a request's address."""
    path: str = scope["path"]
    inner = below(path, root)
    if inner != path:
        raw: bytes = scope.get("raw_path") or b""
        scope["path"] = inner
        # The root is written plainly, so it has as many bytes there.
        scope["raw_path"] = raw[len(path) - len(inner) :] or b"/"
