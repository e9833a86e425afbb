"""The fast path of the live line: a WebSocket handshake without an ASGI task.

Handshakes limit how fast thousands of readers reconnect at once, so one that can be
decided without an await is answered here: parsed once, decided by the same
`decide_live_admission.decide` and handed to the same hub as on the plain path.

Rules:
- It answers only admitted handshakes, and only if nothing must be awaited:
  the feeds are open in this process, and there is no token, or a cached one.
- Everything else (an invalid request, a refusal, a token to look up) goes to the plain
  path unchanged.
- Head and hello are sent in one write.
"""

from __future__ import annotations

from asyncio import Transport
from urllib.parse import parse_qsl

import httptools

from stoppress.desk.caller import Caller
from stoppress.domain.errors import Malformed
from stoppress.guard.client_address import client_of
from stoppress.guard.open_connections import OpenConnections
from stoppress.hub.feed_status_and_access import FeedState, ReadRights
from stoppress.hub.socket_readers import Registry, WebSocketReader
from stoppress.web.authorization import counts
from stoppress.web.credential import CredentialKind, credential_of
from stoppress.web.line.decide_live_admission import (
    Wanted,
    asked_for,
    decide,
    has_secret,
)
from stoppress.web.line.head_checks import is_host
from stoppress.web.line.websocket_handshake import accepted, agreement, head
from stoppress.web.services import Services

_TARGET = b"/v1/live?"
_JOINT = {b"cookie": b"; "}


class HandshakeRequest:
    """One parsed request; `rest` is the bytes after it."""

    __slots__ = ("headers", "is_whole", "rest", "target")

    def __init__(self, data: bytes) -> None:
        self.target = b""
        self.headers: dict[bytes, bytes] = {}
        self.is_whole = False
        self.rest = b""
        parser = httptools.HttpRequestParser(self)
        try:
            parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            method, version = parser.get_method(), parser.get_http_version()
            is_get = method == b"GET" and version == "1.1"
            if is_get and is_host(self.headers.get(b"host")):
                self.is_whole = True
                self.rest = data[upgrade.args[0] :]
        except httptools.HttpParserError:
            pass

    def on_url(self, url: bytes) -> None:
        """Add the target of the request, or a part of it."""
        self.target += url

    def on_header(self, name: bytes, value: bytes) -> None:
        """Add a header. Values of a repeated one are joined as RFC 9110 (5.3) says,
        cookies as RFC 6265 says."""
        name, headers = name.lower(), self.headers
        if name in headers:
            value = headers[name] + _JOINT.get(name, b", ") + value
        headers[name] = value

    def header(self, name: str) -> str | None:
        """A header's value by its lower-case name."""
        value = self.headers.get(name.encode())
        return None if value is None else value.decode("latin-1")

    def accept(self) -> bytes | None:
        """The value of Sec-WebSocket-Accept, or None if this is not a handshake."""
        return accepted(self.headers) if self.is_whole else None


class FastPath:
    """Answers admitted handshakes at once; the others take the plain path."""

    def __init__(self, root: str = "") -> None:
        """`root`: the site's path, which proxies may strip."""
        self.roots = (b"", root.encode()) if root else (b"",)
        self._targets = tuple(before + _TARGET for before in self.roots)
        self._services: Services | None = None

    def open(self, services: Services) -> None:
        """Accept readers from now on."""
        self._services = services

    def enter(
        self, data: bytes, transport: Transport, registry: Registry, peer: object
    ) -> WebSocketReader | None:
        """Answer the handshake in `data`, and give the transport to its reader.

        Returns None, with nothing done, if the plain path has to answer."""
        services = self._services
        if services is None or transport.is_closing():
            return None
        request = HandshakeRequest(data)
        accept = request.accept()
        if accept is None or not request.target.startswith(self._targets):
            return None
        admitted = _admitted(services, request)
        if admitted is None or not _is_within_limits(
            services, request, transport, registry, peer
        ):
            return None
        feeds, rights, agreed_to = admitted
        reader = WebSocketReader(services.hub, rights, deflated=bool(agreed_to))
        reader.take(transport, registry, is_tcp=isinstance(peer, tuple))
        with reader.buffered(head(accept, agreed_to)):
            for feed, cursor in feeds:
                services.hub.follow(reader, feed, cursor)
        if request.rest:
            reader.data_received(request.rest)
        return reader


def _admitted(
    services: Services, request: HandshakeRequest
) -> tuple[Wanted, ReadRights, str] | None:
    """The feeds, the rights and the extension of an admitted request, else None."""
    hub = services.hub
    try:
        query = request.target.partition(b"?")[2]
        feeds = asked_for(query)
        caller = _caller(services, request, query)
        agreed_to = agreement(request.headers)
    except (Malformed, ValueError, LookupError):
        return None
    rights = services.line_rights.of(caller)
    found: dict[str, FeedState | None] = {}
    for feed, _ in feeds:
        feed_state = hub.open_feed_state(feed)
        if feed_state is None:
            return None
        found[feed] = feed_state
    code = decide(
        found,
        rights,
        token_unknown=False,
        is_draining=hub.is_draining,
        is_full=hub.is_full(),
        now_ms=hub.now_ms(),
    )
    return None if code is not None else (feeds, rights, agreed_to)


def _is_within_limits(
    services: Services,
    request: HandshakeRequest,
    transport: Transport,
    registry: Registry,
    peer: object,
) -> bool:
    """Whether the client may have another reader; if not, the plain path refuses."""
    peer = peer if isinstance(peer, tuple) else None
    client = client_of(peer, request.header, services.settings.networks)
    if isinstance(registry, OpenConnections):
        if not registry.assign(transport, client):
            return False
    return not services.limits.handshake(client, is_told=False)


def _caller(
    services: Services, request: HandshakeRequest, query: bytes
) -> Caller | None:
    """The caller of the request, or None; raises LookupError if it is not cached."""
    named = dict(parse_qsl(query.decode())) if has_secret(query) else {}
    credential = credential_of(
        request.header,
        services.settings.origin,
        services.settings.desk_cookie,
        query_token=named.get("token"),
        query_ticket=named.get("ticket"),
    )
    if credential.kind is CredentialKind.NONE:
        return None
    if credential.kind is CredentialKind.MALFORMED:
        raise LookupError("malformed credential: the plain path refuses it")
    if not counts(services, credential):
        raise LookupError("the plain path refuses it")
    return services.callers.at_hand(credential.secret)
