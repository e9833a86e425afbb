"""The site's address and path: set in `public_url`, or sent by a trusted proxy.

Rules:
- Under a path (`public_url=https://news.example/liveblog`) a request may arrive with
  the path or without it, as some proxies strip it: the routes see it without. A
  repeated path is harmless, so addresses may be joined either way.
- `/metrics` is for clients that reach the server directly: it is not under the path.
- Without `public_url` the headers of a trusted proxy give the address: a proxy in
  `trusted_proxies`, or on a Unix socket. Headers of other peers are ignored.
- A client that can choose the Host can choose the address: each address has its own
  answers, at most MAX_SITES at a time, and NEW_SITE_S between two new ones. The live
  line, which all readers share, has the address of the most requests.
"""

from __future__ import annotations

import re
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from starlette.types import ASGIApp, Receive, Scope, Send

from stoppress.guard.client_address import is_trusted
from stoppress.guard.forwarded_header import elements
from stoppress.settings import BadSetting, Settings

FIRST_SEGMENTS = frozenset(
    {
        "",
        "demo",
        ".well-known",
        "desk",
        "embed",
        "healthz",
        "live",
        "media",
        "oembed",
        "openapi.json",
        "readyz",
        "robots.txt",
        "sitemap.xml",
        "stop-press",
        "v1",
    }
)
"""First segments of this server's paths, except files; needed if a site is under
/live."""
MAX_SITES = 8
"""Forwarded addresses served at a time; the least recently used is dropped."""
NEW_SITE_S = 1.0
"""Seconds between two new addresses: each costs some milliseconds."""

_FILE = re.compile(
    r"(stop-press(-more|-page|-tickets)?|page|update_page_head)\.[\w.]+", re.ASCII
)


def below(path: str, root: str) -> str:
    """The path as routes know it, with or without `root` in front."""
    before = inner = path
    while root and inner.startswith(root) and inner[len(root) :][:1] in ("", "/"):
        before, inner = inner, inner[len(root) :] or "/"
    first = inner[1:].partition("/")[0]
    # Under /live a feed's own address looks like the site's path.
    return inner if first in FIRST_SEGMENTS or _FILE.fullmatch(first) else before


@dataclass(slots=True)
class _Site:
    """One forwarded address, and how often it was requested."""

    settings: Settings
    app: ASGIApp
    asked: int = 0


class SiteAddress:
    """An application under a path, or at the address that a trusted proxy forwards.

    `site` makes the application of an address from the settings with it; `prefer` is
    called with the settings of the most requested address.
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
        """The application and path for the forwarding headers of a trusted proxy."""
        reported = forwarded(scope["headers"], scope["scheme"])
        if reported is None:
            return self._app, self._settings.root
        secure, base = reported
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
        """The site of a new address; None if it is invalid, or too soon."""
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


def forwarded(
    headers: Iterable[tuple[bytes, bytes]], scheme: str
) -> tuple[bool, str] | None:
    """Whether the reader's connection has TLS, and the address, from a proxy's headers.

    `X-Forwarded-Proto`, `-Host` and `-Prefix`, or RFC 7239's `Forwarded`; None without
    any. Of several proxies the outermost one is named first; a malformed element says
    nothing.
    """
    found: dict[str, str] = {}
    for name, value in headers:
        found.setdefault(name.decode("latin-1"), value.decode("latin-1"))
    said = next(iter(elements(found.get("forwarded", ""))), None) or {}

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


_HTTP = {"ws": "http", "wss": "https"}


def _enter(scope: Scope, root: str) -> None:
    """Remove the site's path from a request's address."""
    path: str = scope["path"]
    inner = below(path, root)
    if inner != path:
        raw: bytes = scope.get("raw_path") or b""
        scope["path"] = inner
        # The root is ASCII, so it has as many bytes there.
        scope["raw_path"] = raw[len(path) - len(inner) :] or b"/"
