"""Every setting, in one place: its name, default, unit, and what 0 means.

Rules: read once, at the start, from the command line or from the environment
(`STOPPRESS_<NAME>`); never looked up later. A number has its unit in its name. A
value is a setting if two newsrooms would set it differently; every other limit is a
constant with its unit in its name, beside the code that keeps it.
"""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import Field, dataclass, field, fields, replace
from functools import cached_property
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
    """A setting is invalid: which, why, and what to use instead."""


PREFIX = "STOPPRESS_"
OTHER_VARIABLES = frozenset({"URL", "TOKEN", "HUBS"})
"""`STOPPRESS_<NAME>` variables that are no settings: of the commands that talk to a
server, and of the Caddyfile."""
_BOOLEANS = {
    **dict.fromkeys(("true", "1", "on", "yes"), True),
    **dict.fromkeys(("false", "0", "off", "no"), False),
}


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
        "networks whose X-Forwarded-… and Forwarded headers count, separated by "
        "commas, such as 10.0.0.0/8,::1; empty: none but a Unix socket's",
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
    workers: int = _(1, "processes that serve, under one supervisor", least=1)
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
    durability: str = _("fsync", "what a write waits for: memory, fsync, or replicas:N")

    # Authorization
    admin_token: str = _("", "a token that may do everything; empty: none")

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
    ring_events: int = _(4096, "events kept in memory per feed", unit="events", least=1)
    ring_bytes: int = _(8 << 20, "bytes kept in memory per feed", unit="bytes", least=1)
    rings_bytes: int = _(
        256 << 20, "bytes kept in memory for all feeds", unit="bytes", least=1
    )
    channel_idle_s: float = _(
        60.0,
        "how long a feed stays open after its last reader",
        unit="s",
        zero="closed at once",
    )

    # Live line
    beat_s: int = _(
        25, "time between two signs of life on a quiet line", unit="s", least=1
    )
    retry_ms: int = _(
        4000,
        "spread of the returns after an unannounced break",
        unit="ms",
        zero="at once",
    )
    reset_spread_ms: int = _(
        3000, "spread of the snapshot reads after a reset", unit="ms", zero="at once"
    )
    drain_s: float = _(
        5.0,
        "time over which readers are sent away when the server ends",
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
        zero="the kernel's own",
    )
    dead_peer_s: float = _(
        30.0,
        "how long a peer may leave bytes unacknowledged",
        unit="s",
        zero="the kernel's own",
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
        for entry in fields(self):
            value, least = getattr(self, entry.name), entry.metadata["least"]
            if isinstance(value, int | float) and not least <= value < math.inf:
                raise _invalid(entry, entry.name, value, f"use {least:g} or more")
        if self.port > 65535:
            raise BadSetting(f"port={self.port} is invalid: use 65535 or less")
        _check_public_url(self.public_url)
        _check_networks(self.trusted_proxies)
        for name in self.shared:
            if name not in SHARE_TARGETS:
                raise BadSetting(
                    f"share={self.share!r} is invalid: {name!r} is not one of "
                    f"{', '.join(SHARE_TARGETS)}"
                )
        for page in self.pages:
            if not page.startswith(("http://", "https://")):
                raise BadSetting(
                    f"publisher_pages={self.publisher_pages!r} is invalid: {page!r} is "
                    "not an address such as https://social.example/@us"
                )
        if not re.fullmatch(r"fsync|memory|replicas:[1-9]\d?", self.durability):
            raise BadSetting(
                f"durability={self.durability!r} is invalid: "
                "use fsync, memory or replicas:N, such as replicas:1"
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

    @cached_property
    def origin(self) -> str:
        """The site's address without its path, as a browser's Origin names it."""
        scheme, _, rest = self.base.partition("://")
        return f"{scheme}://{rest.partition('/')[0]}"


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


def variable_of(name: str) -> str:
    """The environment variable of a setting."""
    return PREFIX + name.upper()


def written(value: object) -> str:
    """A setting's value as text, as a variable or an option has it."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def to_environment(settings: Settings) -> dict[str, str]:
    """The `STOPPRESS_<NAME>` variables that `from_environment` reads back."""
    return {
        variable_of(entry.name): written(getattr(settings, entry.name))
        for entry in fields(settings)
    }


def from_environment(environ: Mapping[str, str], **given: object) -> Settings:
    """Settings from `STOPPRESS_<NAME>` variables; what is `given` (not None) wins.

    Raises BadSetting for an invalid value, naming the variable.
    """
    values: dict[str, object] = {}
    for entry in fields(Settings):
        name = variable_of(entry.name)
        if name in environ:
            values[entry.name] = _parsed(entry, name, environ[name])
    values |= {name: value for name, value in given.items() if value is not None}
    return Settings(**values)  # type: ignore[arg-type]  # checked by type above


def unknown_variables(environ: Mapping[str, str]) -> list[str]:
    """A warning for each `STOPPRESS_` variable without meaning, in order."""
    known = {variable_of(entry.name) for entry in fields(Settings)}
    known |= {PREFIX + name for name in OTHER_VARIABLES}
    return [
        f"{name} is unknown and has no effect{_nearest(name, known)}"
        for name in sorted(environ)
        if name.startswith(PREFIX) and name not in known
    ]


def _nearest(name: str, known: Iterable[str]) -> str:
    """The hint at the known variable most like `name`, if one is."""
    # Without the prefix, which would make all of them alike.
    bare = {one.removeprefix(PREFIX): one for one in known}
    wanted = name.removeprefix(PREFIX)
    # A name that only lacks its unit, or has an earlier spelling of it.
    longer = [one for one in bare if one.startswith(f"{wanted}_")]
    found = longer or difflib.get_close_matches(wanted, sorted(bare), n=1)
    return f"; did you mean {bare[found[0]]}?" if found else ""


def _parsed(entry: Field[Any], name: str, text: str) -> object:
    kind: type = type(entry.default)
    if kind is bool:
        if text.strip().lower() not in _BOOLEANS:
            raise _invalid(entry, name, text, "use true or false")
        return _BOOLEANS[text.strip().lower()]
    try:
        return kind(text)
    except ValueError:
        what = "a whole number" if kind is int else "a number"
        raise _invalid(entry, name, text, f"use {what}") from None


def _invalid(entry: Field[Any], name: str, value: object, instead: str) -> BadSetting:
    shown = repr(value) if isinstance(value, str) else value
    return BadSetting(
        f"{name}={shown} is invalid ({entry.metadata['help']}): {instead}"
    )
