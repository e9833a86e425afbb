"""Every setting, in one place: its name, default, unit, and what 0 means.

Rules: settings are read once, at the start (`setting_variables.py`). A number has its
unit in its name. A value is a setting if two organisations would set it differently;
every other limit is a constant with its unit in its name, beside the code that
enforces it.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, fields, replace
from functools import cached_property
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from urllib.parse import urlsplit

from stoppress.admin_token_jwt_and_oidc_settings import SecretSettings
from stoppress.limit_metric_log_and_audit_settings import LimitSettings
from stoppress.picture_embed_webhook_and_contact_settings import ContentSettings
from stoppress.setting_declaration_and_checks import (
    MOST_BY_UNIT,
    MOST_OF_OTHERS,
    check_addresses,
    check_all_or_none,
    check_networks,
    check_ports,
    check_public_url,
    invalid,
    parts_of,
)
from stoppress.setting_declaration_and_checks import BadSetting as BadSetting
from stoppress.setting_declaration_and_checks import setting as _

SHARE_TARGETS = {
    "mail": "mailto:?body={url}",
    "whatsapp": "https://wa.me/?text={url}",
    "telegram": "https://t.me/share/url?url={url}",
    "bluesky": "https://bsky.app/intent/compose?text={url}",
    "facebook": "https://www.facebook.com/sharer/sharer.php?u={url}",
    "linkedin": "https://www.linkedin.com/sharing/share-offsite/?url={url}",
    "reddit": "https://www.reddit.com/submit?url={url}",
    "x": "https://x.com/intent/post?url={url}",
}
"""The links for sharing a post, with the place of its address. Nothing is loaded from
these hosts before a reader follows the link."""


@dataclass(frozen=True, kw_only=True)
class Settings(ContentSettings, LimitSettings, SecretSettings):
    """The settings of one server."""

    # Address
    host: str = _("127.0.0.1", "the address to listen on")
    port: int = _(8000, "the port to listen on", zero="any free port")
    uds: str = _("", "a Unix socket to listen on beside the port; empty: none")
    tls_cert: str = _("", "a certificate with its chain, in PEM, for TLS; empty: none")
    tls_key: str = _("", "the key of tls_cert, in PEM; empty: none")
    redirect_port: int = _(0, "a port that sends plain HTTP to https", zero="none")
    public_url: str = _(
        "",
        "the site's address as readers see it, with its path if it has one; empty: "
        "from headers of trusted_proxies, else from host and port",
    )
    trusted_proxies: str = _(
        "",
        "networks whose X-Forwarded-… and Forwarded headers count, separated by "
        "commas, such as 10.0.0.0/8,::1; empty: only a Unix socket's",
    )
    publisher: str = _("Stop Press", "the publisher's name, as the pages show it")
    publisher_logo: str = _("", "address of the publisher's logo; empty: none")
    publisher_pages: str = _(
        "",
        "addresses of the publisher's pages elsewhere, separated by commas; "
        "empty: none",
    )
    share: str = _(
        "mail",
        "where posts may be shared, beside copying the address, such as "
        "mail,whatsapp,x",
    )
    other_feeds: int = _(
        3, "other live feeds that a feed's page links to", unit="feeds", zero="none"
    )
    workers: int = _(1, "worker processes, under one supervisor", least=1)
    demo: bool = _(False, "serve the demo's pages at /demo/")

    # Store
    data: Path = _(Path("data"), "the folder of the embedded Valkey's data")
    redis: str = _(
        "",
        "address of an outside Redis or Valkey, of its Sentinels, or of a cluster's "
        "servers; empty: the embedded one",
    )
    redis_timeout_s: float = _(
        5.0, "how long Redis may take to answer", unit="s", least=0.1
    )
    purge_url: str = _(
        "",
        "addresses that get the pages of a withdrawn post, separated by commas; empty: "
        "none",
    )
    durability: str = _("fsync", "what a write waits for: memory, fsync, or replicas:N")

    # Authorization
    admin_token: str = _("", "a token that may do everything; empty: none")
    admin_token_file: str = _("", "a file that holds the admin token; empty: none")
    jwt_jwks: str = _(
        "",
        "address or file of the issuer's public keys (JWKS) for JWTs; empty: none",
    )
    jwt_secret_file: str = _(
        "",
        "a file with the secret that signs JWTs (HS256), 32 bytes or more; empty: none",
    )
    jwt_issuer: str = _("", "the issuer of accepted JWTs, exactly as `iss` has it")
    jwt_audience: str = _("", "the audience that `aud` of an accepted JWT names")
    oidc_issuer: str = _(
        "", "address of the OpenID provider that signs editors in; empty: none"
    )
    oidc_client_id: str = _("", "this server's name at the OpenID provider")
    oidc_client_secret: str = _(
        "", "this server's secret at the OpenID provider; empty: a public client"
    )
    oidc_client_secret_file: str = _("", "a file that holds that secret; empty: none")
    oidc_scopes: str = _(
        "openid profile", "the scopes asked for at the OpenID provider, with blanks"
    )
    oidc_groups_claim: str = _(
        "",
        "the claim with an editor's groups, such as groups or realm_access.roles; "
        "empty: only the claim `stoppress` counts",
    )
    oidc_roles: str = _(
        "contributor=draft,editor=publish,chief=manage,admin=admin",
        "the scope of each group, separated by commas",
    )
    session_idle_hours: float = _(
        12.0,
        "how long after its last request a session at the desk ends",
        unit="hours",
        zero="no such end",
    )
    session_days: int = _(
        7, "how long after sign-in a session ends in any case", unit="days", least=1
    )

    max_ticket_s: int = _(
        86_400, "longest life of a reader's ticket", unit="s", least=1
    )

    # Log and ring
    log_events: int = _(
        4096, "events kept in the log per feed, at least", unit="events", least=1
    )
    log_days: int = _(
        30,
        "how long events are kept in a feed's log; an older cursor is reset",
        unit="days",
        zero="without limit",
    )
    post_revisions: int = _(
        50,
        "earlier states kept per post, for the desk",
        unit="revisions",
        zero="none, and no post can be put back",
    )
    ring_events: int = _(4096, "events kept in memory per feed", unit="events", least=1)
    ring_bytes: int = _(8 << 20, "bytes kept in memory per feed", unit="bytes", least=1)
    rings_bytes: int = _(
        256 << 20, "bytes kept in memory for all feeds", unit="bytes", least=1
    )
    channel_idle_s: float = _(
        60.0,
        "how long a feed stays in memory after its last reader has left",
        unit="s",
        zero="closed at once",
    )

    # Live line
    beat_s: int = _(
        25, "time between two heartbeats on a quiet line", unit="s", least=1
    )
    retry_ms: int = _(
        4000,
        "time over which readers spread their reconnects after an unannounced break",
        unit="ms",
        zero="at once",
    )
    reset_spread_ms: int = _(
        3000,
        "time over which readers spread their snapshot requests after a reset",
        unit="ms",
        zero="at once",
    )
    drain_s: float = _(
        5.0,
        "time over which readers are disconnected when the server stops",
        unit="s",
        zero="at once",
    )
    max_readers: int = _(
        0, "readers per process", unit="readers", zero="no limit of ours"
    )
    handshakes_per_s: int = _(
        0,
        "new readers let in per second and process",
        unit="1/s",
        zero="no limit of ours",
    )
    max_message_bytes: int = _(
        4096, "longest message of a reader", unit="bytes", least=1
    )
    send_buffer_bytes: int = _(
        128 << 10,
        "kernel send buffer per reader",
        unit="bytes",
        zero="the kernel's default",
    )
    dead_peer_s: float = _(
        30.0,
        "how long a peer may leave bytes unacknowledged",
        unit="s",
        zero="the kernel's default",
    )

    # API
    head_timeout_s: float = _(
        30.0,
        "how long a connection may take to send the head of a request",
        unit="s",
        zero="no limit of ours",
    )
    max_head_bytes: int = _(
        32 << 10, "longest head of a request", unit="bytes", zero="no limit of ours"
    )
    max_body_bytes: int = _(
        64 << 10, "longest body of a request", unit="bytes", least=1
    )
    idempotency_hours: int = _(
        24, "how long an Idempotency-Key is remembered", unit="hours", least=1
    )

    def __post_init__(self) -> None:
        check_ports(self.port, self.redirect_port, has_tls=bool(self.tls_cert))
        for entry in fields(self):
            value, least = getattr(self, entry.name), entry.metadata["least"]
            if not isinstance(value, int | float):
                continue
            most = MOST_BY_UNIT.get(entry.metadata["unit"], MOST_OF_OTHERS)
            if not least <= value < math.inf:
                raise invalid(entry, entry.name, value, f"use {least:g} or more")
            if value > most:
                raise invalid(entry, entry.name, value, f"use {most} or less")
        check_all_or_none(tls_cert=self.tls_cert, tls_key=self.tls_key)
        check_public_url(self.public_url)
        check_networks("trusted_proxies", self.trusted_proxies)
        self.check_limits()
        self.check_authorization()
        self.check_content()
        for name in self.shared:
            if name not in SHARE_TARGETS:
                raise BadSetting(
                    f"share={self.share!r} is invalid: {name!r} is not one of "
                    f"{', '.join(SHARE_TARGETS)}"
                )
        check_addresses("purge_url", self.purge_url, "https://cdn.example/purge")
        pages = self.publisher_pages
        check_addresses("publisher_pages", pages, "https://social.example/@us")
        if not re.fullmatch(r"fsync|memory|replicas:[1-9]\d?", self.durability):
            raise BadSetting(
                f"durability={self.durability!r} is invalid: "
                "use fsync, memory or replicas:N, such as replicas:1"
            )

    @property
    def shared(self) -> list[str]:
        """The names in `share`."""
        return parts_of(self.share)

    @property
    def purge_addresses(self) -> list[str]:
        """The addresses in `purge_url`."""
        return parts_of(self.purge_url)

    @property
    def pages(self) -> list[str]:
        """The addresses in `publisher_pages`."""
        return parts_of(self.publisher_pages)

    @cached_property
    def root(self) -> str:
        """The path that the site is mounted under, such as /liveblog; "": none."""
        return urlsplit(self.public_url).path.rstrip("/")

    def with_public_url(self, url: str) -> Settings:
        """The same settings at another address. Raises BadSetting."""
        return replace(self, public_url=url)

    @cached_property
    def networks(self) -> list[IPv4Network | IPv6Network]:
        """The networks in `trusted_proxies`."""
        return [
            ip_network(part, strict=False) for part in parts_of(self.trusted_proxies)
        ]

    @cached_property
    def base(self) -> str:
        """The site's address, without a slash at the end."""
        if self.public_url:
            return self.public_url.rstrip("/")
        return self.own_address

    @cached_property
    def own_address(self) -> str:
        """The server's address on this machine, even if readers use another."""
        host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(self.host, self.host)  # noqa: S104 (a comparison)
        shown = f"[{host}]" if ":" in host else host
        return f"{'https' if self.tls_cert else 'http'}://{shown}:{self.port}"

    @cached_property
    def desk_cookie(self) -> str:
        """The name of the desk's cookie, with the prefix that browsers enforce."""
        if not self.base.startswith("https://"):
            return "stoppress_desk"
        return f"__{'Secure' if self.root else 'Host'}-stoppress_desk"

    @cached_property
    def origin(self) -> str:
        """The site's address without its path, as a browser's Origin names it."""
        scheme, _, rest = self.base.partition("://")
        return f"{scheme}://{rest.partition('/')[0]}"
