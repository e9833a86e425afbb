"""What one run of the generator does, and what it found."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple

if TYPE_CHECKING:
    from stoppress.bench.target import Target

Transport = Literal["websocket", "sse"]

MARK = b"^|"
"""Stands once in every message of the run and nowhere else: counted in bulk.

Two bytes, since a single one may stand in the length of a frame.
"""


class BenchFailed(Exception):
    """The run can't be made, or its figures mean nothing: why, and what to do."""


class Plan(NamedTuple):
    """One run. `rate` is posts a second, 0 for one after the other without pause."""

    target: Target
    url: str
    token: str
    feed: str
    readers: int
    posts: int
    rate: float
    size: int
    transport: Transport
    loaders: int
    timeout_s: float


class Found(NamedTuple):
    """What one run showed. Times in seconds, memory in bytes.

    CPU and memory are None where the server is not on this machine.
    `loader_busy` is the busiest loader's share of a core while posts went out.
    """

    readers: int
    posts: int
    deliveries: int
    bytes: int
    seconds: float
    latencies: list[float]
    connect_seconds: float
    loader_busy: float
    server_busy: float | None
    server_cpu: float | None
    store_cpu: float | None
    rss_before: int | None
    rss_with_readers: int | None
