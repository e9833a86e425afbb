"""The settings of limits, metrics, logs and audit.

Rules: as in `settings.py`. A limit is per process unless it says otherwise; its burst
is its rate times some seconds (`guard/limits.py`).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from ipaddress import IPv4Network, IPv6Network, ip_network

from stoppress.setting_declaration_and_checks import (
    BadSetting,
    check_networks,
    parts_of,
)
from stoppress.setting_declaration_and_checks import setting as _


@dataclass(frozen=True, kw_only=True)
class LimitSettings:
    """The part of `Settings` about limits and operation."""

    # Operation
    metrics_from: str = _(
        "127.0.0.0/8,::1,10.0.0.0/8,172.16.0.0/12,192.168.0.0/16,fc00::/7,fe80::/10",
        "networks that may read /metrics without an admin token, if they reach this "
        "server directly, not through a proxy; empty: none",
    )
    audit_days: int = _(
        400,
        "how long the audit (who changed what) is kept",
        unit="days",
        zero="as long as there is room",
    )
    log_format: str = _("text", "the form of log lines: text, or json, one object each")

    # Limits
    limits: str = _(
        "on",
        "on, or off: lifts the limits of addresses, callers and feeds, for benchmarks",
    )
    address_connections: int = _(
        25_000,
        "connections of one address (IPv6: a /64) per process",
        unit="connections",
        zero="no limit",
    )
    pending_connections: int = _(
        4096,
        "connections per process whose request's head is not complete, a quarter of "
        "them from one address; the oldest is closed",
        unit="connections",
        zero="no limit",
    )
    address_handshakes_per_s: float = _(
        1000,
        "new readers of one address per second and process; a burst may be 30 s' worth",
        unit="1/s",
        zero="no limit",
    )
    address_requests_per_s: float = _(
        2000,
        "requests of one address per second and process; one that reads the store "
        "counts as 4, a search as 40; a burst may be 30 s' worth",
        unit="1/s",
        zero="no limit",
    )
    address_bytes_per_s: float = _(
        50_000_000,
        "bytes answered to one address per second and process; a burst may be 30 s' "
        "worth",
        unit="bytes/s",
        zero="no limit",
    )
    unread_bytes: int = _(
        32 << 20,
        "bytes of answers per process that clients have not read; the connection that "
        "waited longest is closed",
        unit="bytes",
        zero="no limit",
    )
    address_failures_per_s: float = _(
        10,
        "unknown tokens from one address per second and process; a burst may be 120 s' "
        "worth",
        unit="1/s",
        zero="no limit",
    )
    address_sign_ins_per_s: float = _(
        1,
        "sign-ins of one address per second; a burst may be 120 s' worth",
        unit="1/s",
        zero="no limit",
    )
    caller_writes_per_s: float = _(
        50,
        "writes of one token or person per second; a burst may be 300 s' worth",
        unit="1/s",
        zero="no limit",
    )
    caller_uploads_per_s: float = _(
        0.5,
        "pictures uploaded by one token or person per second; a burst may be 300 s' "
        "worth",
        unit="1/s",
        zero="no limit",
    )
    caller_upload_bytes_per_s: float = _(
        4_000_000,
        "bytes of pictures uploaded by one token or person per second; a burst may be "
        "300 s' worth",
        unit="bytes/s",
        zero="no limit",
    )
    caller_link_cards_per_s: float = _(
        0.5,
        "link cards fetched for one token or person per second and process; a burst "
        "may be 60 s' worth",
        unit="1/s",
        zero="no limit",
    )
    feed_writes_per_s: float = _(
        50,
        "writes to one feed per second; a burst may be 300 s' worth",
        unit="1/s",
        zero="no limit",
    )

    feed_drafts: int = _(
        1000, "drafts of one feed at once", unit="drafts", zero="no limit"
    )

    def check_limits(self) -> None:
        """Raises BadSetting if a setting has none of its allowed values."""
        if self.log_format not in ("text", "json"):
            raise BadSetting(
                f"log_format={self.log_format!r} is invalid: use text or json"
            )
        if self.limits not in ("on", "off"):
            raise BadSetting(f"limits={self.limits!r} is invalid: use on or off")
        check_networks("metrics_from", self.metrics_from)

    @property
    def has_limits(self) -> bool:
        """Whether limits are on."""
        return self.limits == "on"

    @property
    def max_drafts(self) -> int:
        """Drafts per feed; 0: no limit."""
        return self.feed_drafts if self.has_limits else 0

    @cached_property
    def metrics_networks(self) -> list[IPv4Network | IPv6Network]:
        """The networks in `metrics_from`."""
        return [ip_network(part, strict=False) for part in parts_of(self.metrics_from)]
