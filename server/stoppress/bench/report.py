"""What a run showed, as a table for people and as JSON for machines."""

from __future__ import annotations

from rich.table import Table

from stoppress.bench.plan import BenchFailed, Found, Plan

TOO_BUSY = 0.9
"""A loader above this share of a core was the limit, not the server."""


def percentile(ordered: list[float], share: float) -> float:
    """The value below which `share` of the sorted values lie (nearest rank)."""
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def figures(plan: Plan, found: Found) -> dict[str, float | int | str | None]:
    """The run's figures: units are in the names."""
    ordered = sorted(found.latencies)

    def per_delivery(cpu: float | None) -> float | None:
        return None if cpu is None else cpu / found.deliveries * 1e6

    rss = None
    if found.rss_before is not None and found.rss_with_readers is not None:
        rss = (found.rss_with_readers - found.rss_before) / found.readers / 1024
    return {
        "transport": plan.transport,
        "readers": found.readers,
        "posts": found.posts,
        "post_bytes": plan.size,
        "rate_per_s": plan.rate,
        "deliveries_per_s": found.deliveries / found.seconds,
        "bytes_a_delivery": found.bytes / found.deliveries,
        "p50_ms": percentile(ordered, 0.5) * 1000,
        "p99_ms": percentile(ordered, 0.99) * 1000,
        "max_ms": ordered[-1] * 1000,
        "cpu_us_a_delivery": per_delivery(found.server_cpu),
        "store_cpu_us_a_post": (
            None if found.store_cpu is None else found.store_cpu / found.posts * 1e6
        ),
        "rss_kb_a_reader": rss,
        "handshakes_per_s": found.readers / found.connect_seconds,
        "server_busy": found.server_busy,
        "loader_busy": found.loader_busy,
    }


def check_limit(found: Found) -> None:
    """Raises BenchFailed if the generator, not the server, was the limit."""
    idle = found.server_busy is None or found.server_busy < TOO_BUSY
    if found.loader_busy > TOO_BUSY and idle:
        raise BenchFailed(
            f"the generator was the limit (its busiest process took "
            f"{found.loader_busy:.0%} of a core): use more --loaders, more cores, "
            "or fewer --readers"
        )


def table(rows: dict[str, float | int | str | None]) -> Table:
    """The figures, a line each."""
    shown = Table(show_header=False, box=None, pad_edge=False)
    shown.add_column(justify="left", style="bold")
    shown.add_column(justify="right")
    for name, value in rows.items():
        text = (
            "–"
            if value is None
            else f"{value:,.1f}"
            if isinstance(value, float)
            else str(value)
        )
        shown.add_row(name.replace("_", " "), text)
    return shown
