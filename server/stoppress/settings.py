"""Every setting, in one place: its name, default, unit, and what 0 means.

Rules: read once, at the start, from the command line or from the environment
(`STOPPRESS_<NAME>`); never looked up later. A setting is here because two
newsrooms would set it differently, or because it is a limit.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import Field, dataclass, field, fields, replace
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

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
"""Where posts may be shared, with the place of the post's address. Nothing is loaded
from there: each is a link that a reader may follow."""


class BadSetting(ValueError):
    """A setting can't be used: which, why, and what would do."""


def _(
    default: Any, help: str, *, unit: str = "", zero: str = "", least: float = 0
) -> Any:
    about = {"help": help, "unit": unit, "zero": zero, "least": least}
    return field(default=default, metadata=about)


def _parts(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]


@dataclass(frozen=True, kw_only=True)
class Settings:
    """The settings of one server."""

    # Address
    host: str = _("127.0.0.1", "the address to listen on")
    port: int = _(8000, "the port to listen on", zero="any free port")
    uds: str = _("", "a Unix socket to listen on beside the port; empty: none")
    public_url: str = _(
        "",
        "the site's address as readers see it, with its path if it has one; empty: "
        "as trusted_proxies say, else from host and port",
    )
    trusted_proxies: str = _(
        "",
        "networks whose X-Forwarded-… and Forwarded headers count, with commas, such "
        "as 10.0.0.0/8,::1; empty: none but a Unix socket's",
    )
    publisher: str = _("Stop Press", "the publisher's name, as the pages show it")
    publisher_logo: str = _("", "address of the publisher's logo; empty: none")
    publisher_pages: str = _(
        "", "addresses of the publisher's pages elsewhere, with commas; empty: none"
    )
    share: str = _(
        "mail", "where posts may be shared, beside copying: such as mail,whatsapp,x"
    )
    others: int = _(
        3, "other live feeds a feed's page tells of", unit="feeds", zero="none"
    )
    workers: int = _(1, "processes that serve, under one supervisor", least=1)
    demo: int = _(0, "whether the demo's pages are at /demo/: 1 or 0", zero="no")

    # Store
    data: Path = _(Path("data"), "the folder of the embedded Valkey's data")
    redis: str = _(
        "",
        "address of an outside Redis or Valkey, of its Sentinels, or of a cluster's "
        "servers; empty: the embedded one",
    )
    redis_timeout: float = _(
        5.0, "how long Redis may take to answer", unit="s", least=0.1
    )
    durability: str = _("fsync", "what a write waits for: memory, fsync, or replicas:N")

    # Who may
    admin_token: str = _("", "a token that may do everything; empty: none")

    # Log and ring
    log_events: int = _(
        4096, "events kept in a feed's log, at least", unit="events", least=1
    )
    log_days: int = _(
        30,
        "how long events are kept in a feed's log: whose place is older is reset",
        unit="days",
        zero="however old",
    )
    ring_events: int = _(4096, "events kept in memory a feed", unit="events", least=1)
    ring_bytes: int = _(8 << 20, "bytes kept in memory a feed", unit="bytes", least=1)
    rings_bytes: int = _(
        256 << 20, "bytes kept in memory for all feeds", unit="bytes", least=1
    )
    channel_idle: float = _(
        60.0,
        "how long a feed stays open after its last reader",
        unit="s",
        zero="at once",
    )

    # Live line
    beat: int = _(25, "between two signs of life on a quiet line", unit="s", least=1)
    retry: int = _(
        4000,
        "the spread of a return after an unannounced break",
        unit="ms",
        zero="at once",
    )
    reset_spread: int = _(
        3000, "the spread of snapshot reads after a reset", unit="ms", zero="at once"
    )
    drain_seconds: float = _(
        5.0, "over how long readers are sent away at the end", unit="s", zero="at once"
    )
    max_readers: int = _(
        0, "readers a process takes", unit="readers", zero="no limit of ours"
    )
    handshakes_per_s: int = _(
        0, "new readers a process lets in a second", unit="1/s", zero="no limit of ours"
    )
    max_message: int = _(4096, "the longest message of a reader", unit="bytes", least=1)
    send_buffer: int = _(
        128 << 10, "kernel send buffer a reader", unit="bytes", zero="the kernel's own"
    )
    dead_peer: float = _(
        30.0,
        "how long a peer may leave bytes unacknowledged",
        unit="s",
        zero="the kernel's own",
    )

    # API
    head_timeout: float = _(
        30.0,
        "how long a connection may take to say what it wants: a request's head",
        unit="s",
        zero="no limit of ours",
    )
    max_head: int = _(
        32 << 10, "the longest head of a request", unit="bytes", zero="no limit of ours"
    )
    max_body: int = _(64 << 10, "the longest request body", unit="bytes", least=1)
    idempotency_hours: int = _(
        24, "how long an Idempotency-Key is remembered", unit="h", least=1
    )

    def __post_init__(self) -> None:
        for entry in fields(self):
            value, least = getattr(self, entry.name), entry.metadata["least"]
            if isinstance(value, int | float) and not least <= value < math.inf:
                raise BadSetting(
                    f"{entry.name}={value} can't be: {entry.metadata['help']}; "
                    f"it is {least} or more"
                )
        if self.port > 65535:
            raise BadSetting(f"port={self.port} can't be: ports end at 65535")
        _check_public_url(self.public_url)
        _check_networks(self.trusted_proxies)
        for name in self.shared:
            if name not in SHARE_TARGETS:
                raise BadSetting(
                    f"share={self.share!r} can't be: {name!r} is none of "
                    f"{', '.join(SHARE_TARGETS)}"
                )
        for page in self.pages:
            if not page.startswith(("http://", "https://")):
                raise BadSetting(
                    f"publisher_pages={self.publisher_pages!r} can't be: {page!r} is "
                    "no address such as https://social.example/@us"
                )
        if not re.fullmatch(r"fsync|memory|replicas:[1-9]\d?", self.durability):
            raise BadSetting(
                f"durability={self.durability!r} can't be: "
                "it is fsync, memory or replicas:N, such as replicas:1"
            )

    @property
    def shared(self) -> list[str]:
        """The names in `share`."""
        return _parts(self.share)

    @property
    def pages(self) -> list[str]:
        """The addresses in `publisher_pages`."""
        return _parts(self.publisher_pages)

    @property
    def root(self) -> str:
        """The path that the site is mounted under, such as /liveblog; "": none."""
        return urlsplit(self.public_url).path.rstrip("/")

    @property
    def origin(self) -> str:
        """Scheme and host of the site, as browsers name it."""
        parts = urlsplit(self.base)
        return f"{parts.scheme}://{parts.netloc}"

    def with_public_url(self, url: str) -> Settings:
        """The same settings at another address. Raises BadSetting."""
        return replace(self, public_url=url)

    @property
    def networks(self) -> list[IPv4Network | IPv6Network]:
        """The networks in `trusted_proxies`."""
        return [ip_network(part, strict=False) for part in _parts(self.trusted_proxies)]

    @property
    def base(self) -> str:
        """The site's address, without a slash at the end."""
        if self.public_url:
            return self.public_url.rstrip("/")
        host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(self.host, self.host)
        return (
            f"http://[{host}]:{self.port}"
            if ":" in host
            else f"http://{host}:{self.port}"
        )


def _check_public_url(url: str) -> None:
    """Raises BadSetting for what readers could not be sent to."""
    wrong = ""
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        wrong = "it is no address"
    else:
        if not url:
            return
        if re.search(r"[\s\x00-\x20]", url):
            wrong = "it holds white space"
        elif parts.scheme not in ("http", "https"):
            wrong = "it must begin with https:// or http://"
        elif not host or not re.fullmatch(r"[\w.:-]+", host, re.ASCII):
            wrong = "it names no host (other letters than a-z as xn--…)"
        elif parts.username is not None:
            url, wrong = "(not shown)", "it must not hold a user or a password"
        elif "?" in url or "#" in url:
            wrong = "it must have no query and no fragment"
        elif not re.fullmatch(r"(/[\w.~-]+)*/?", parts.path, re.ASCII) or re.search(
            r"/\.{1,2}(/|$)", parts.path
        ):
            wrong = "its path may have letters, digits, - _ . and ~ between slashes"
    if wrong:
        raise BadSetting(
            f"public_url={url!r} is invalid: {wrong}; use an address such as "
            "https://live.example.org or https://news.example/liveblog/"
        )


def _check_networks(text: str) -> None:
    """Raises BadSetting for what is no network."""
    for part in _parts(text):
        try:
            ip_network(part, strict=False)
        except ValueError:
            raise BadSetting(
                f"trusted_proxies={text!r} is invalid: {part!r} is no network; use "
                "addresses such as 10.0.0.0/8 or ::1, with commas between"
            ) from None


def describe() -> tuple[Field[Any], ...]:
    """The settings as fields; metadata holds `help`, `unit` and `zero`."""
    return fields(Settings)


def to_environment(settings: Settings) -> dict[str, str]:
    """The `STOPPRESS_<NAME>` variables that `from_environment` reads back."""
    return {
        f"STOPPRESS_{entry.name.upper()}": str(getattr(settings, entry.name))
        for entry in fields(settings)
    }


def from_environment(environ: Mapping[str, str], **given: object) -> Settings:
    """Settings from `STOPPRESS_<NAME>` variables; what is `given` (not None) wins.

    Raises BadSetting for a value that can't be read, naming the variable.
    """
    values: dict[str, object] = {}
    for entry in fields(Settings):
        name = f"STOPPRESS_{entry.name.upper()}"
        if name in environ:
            kind: type = type(entry.default)
            try:
                values[entry.name] = kind(environ[name])
            except ValueError:
                raise BadSetting(
                    f"{name}={environ[name]!r} is no {kind.__name__}; "
                    f"it is {entry.metadata['help']}"
                ) from None
    values |= {name: value for name, value in given.items() if value is not None}
    return Settings(**values)  # type: ignore[arg-type]  # checked by type above
