"""The plan of one run of the generator, and its result."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Literal, NamedTuple
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from stoppress.bench.requests_per_server_kind import ServerKind

Transport = Literal["websocket", "sse"]

MARK = b"^|"
"""Part of every message of the run, with the post's number, and of no other."""

STEPS_A_SECOND = 10_000
"""Delays are counted in tenths of a millisecond."""


class BenchFailed(Exception):
    """The run failed, or its figures mean nothing; the text says why and what to do."""


class RunPlan(NamedTuple):
    """One run. `rate` is posts per second, 0 for one after the other without pause.

    `at_once` handshakes are in progress at once, 0: all.
    """

    target: ServerKind
    url: str
    token: str
    feed: str
    readers: int
    posts: int
    rate: float = 0.0
    size: int = 300
    transport: Transport = "websocket"
    deflate: bool = False
    at_once: int = 200
    loaders: int = 1
    timeout_s: float = 120.0
    tls: bool = False
    hub_port: int = 0
    """Of our server behind a proxy at `url`: its processes count too."""

    @property
    def reading_s(self) -> float:
        """How long readers wait for the last post, at most."""
        return self.timeout_s + (self.posts / self.rate if self.rate else 0.0)

    @property
    def ports(self) -> tuple[int, ...]:
        """The ports whose processes are measured, the store's owner last."""
        port = self.address[1]
        return (port, self.hub_port) if self.hub_port else (port,)

    @property
    def address(self) -> tuple[str, int]:
        """Host and port of the server. Raises BenchFailed."""
        try:
            parts = urlsplit(self.url)
            scheme = "https" if self.tls else "http"
            if parts.scheme == scheme and parts.hostname and not parts.path.strip("/"):
                return parts.hostname, parts.port or (443 if self.tls else 80)
        except ValueError:
            pass
        raise BenchFailed(
            f"--url {self.url!r} is invalid: use the server's own address, "
            "such as http://127.0.0.1:8000, or https://… with --tls"
        )


class RunResult(NamedTuple):
    """The result of one run. Times in seconds, memory in bytes.

    CPU and memory are None if the server is not on this machine. `delays` counts
    deliveries by their delay, in steps of STEPS_A_SECOND; `lasts` is, for each post,
    the delay of the reader that had it last. How busy a part of the generator is: the
    share of time in which it had a core or waited for one.
    """

    readers: int
    posts: int
    bytes: int
    seconds: float
    delays: Counter[int]
    lasts: list[float]
    entered: int
    enter_s: float
    enter_busy: float
    enter_cpu: float | None
    loader_cpu: float
    loader_busy: float
    editor_busy: float
    server_cpu: float | None
    store_cpu: float | None
    rss_before: int | None
    rss_with_readers: int | None
    rss_peak: int | None

    @property
    def deliveries(self) -> int:
        """How many messages reached a reader."""
        return self.delays.total()
