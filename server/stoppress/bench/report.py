"""The figures of a run, as a table for people and as JSON for programs."""

from __future__ import annotations

from collections import Counter

from rich.table import Table

from stoppress.bench.run_plan_and_result import (
    STEPS_A_SECOND,
    BenchFailed,
    RunPlan,
    RunResult,
)

TOO_BUSY = 0.9
"""Above this share of a core, the generator may have been the limit."""

Figures = dict[str, float | int | str | None]


def percentile(ordered: list[float], share: float) -> float:
    """The value below which `share` of the sorted values lie (nearest rank)."""
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def delay_ms(delays: Counter[int], share: float) -> float:
    """The delay below which `share` of the deliveries lie, in milliseconds."""
    left = int(share * delays.total())
    for step in sorted(delays):
        left -= delays[step]
        if left < 0:
            break
    return step * 1000 / STEPS_A_SECOND


def figures(plan: RunPlan, found: RunResult) -> Figures:
    """The run's figures: units are in the names."""
    lasts = sorted(found.lasts)

    def per_delivery(cpu: float | None) -> float | None:
        return None if cpu is None else cpu / found.deliveries * 1e6

    rss = None
    if found.rss_before is not None and found.rss_with_readers is not None:
        rss = (found.rss_with_readers - found.rss_before) / max(found.entered, 1) / 1024
    return {
        "transport": plan.transport + (" with deflate" if plan.deflate else ""),
        "readers": found.readers,
        "posts": found.posts,
        "post_bytes": plan.size,
        "rate_per_s": plan.rate,
        "seconds": found.seconds,
        "deliveries": found.deliveries,
        "deliveries_per_s": found.deliveries / found.seconds,
        "bytes_a_delivery": found.bytes / found.deliveries,
        "p50_ms": delay_ms(found.delays, 0.5),
        "p90_ms": delay_ms(found.delays, 0.9),
        "p99_ms": delay_ms(found.delays, 0.99),
        "max_ms": lasts[-1] * 1000,
        "last_reader_p50_ms": percentile(lasts, 0.5) * 1000,
        "last_reader_p99_ms": percentile(lasts, 0.99) * 1000,
        "cpu_us_a_delivery": per_delivery(found.server_cpu),
        "server_busy": (
            None if found.server_cpu is None else found.server_cpu / found.seconds
        ),
        "store_cpu_us_a_post": (
            None if found.store_cpu is None else found.store_cpu / found.posts * 1e6
        ),
        "rss_kb_a_reader": rss,
        "rss_peak_mb": None if found.rss_peak is None else found.rss_peak / (1 << 20),
        "handshakes_per_s": found.entered / found.enter_s,
        "cpu_us_a_handshake": (
            None
            if found.enter_cpu is None
            else found.enter_cpu / max(found.entered, 1) * 1e6
        ),
        "loader_cpu_us_a_delivery": per_delivery(found.loader_cpu),
        "loader_busy": found.loader_busy,
        "loader_busy_entering": found.enter_busy,
        "editor_busy": found.editor_busy,
    }


def check_limit(found: RunResult) -> None:
    """Raises BenchFailed if the generator may have been the limit.

    A process is busy while it has a core or waits for one: a loader that shares its
    core with the server is busy too, and may be slower than the server.
    """
    if found.loader_busy > TOO_BUSY:
        raise BenchFailed(
            f"the generator was the limit: its busiest loader wanted a core for "
            f"{found.loader_busy:.0%} of the run: use more --loaders on more cores, "
            "fewer --readers, or a --rate"
        )
    if found.editor_busy > TOO_BUSY:
        raise BenchFailed(
            f"the generator was the limit: its editor wanted a core for "
            f"{found.editor_busy:.0%} of the run: use more --readers, or a --rate"
        )


def table(rows: Figures) -> Table:
    """The figures, one per line."""
    shown = Table(show_header=False, box=None, pad_edge=False)
    shown.add_column(justify="left", style="bold")
    shown.add_column(justify="right")
    for name, value in rows.items():
        text = (
            "–"
            if value is None
            else f"{value:,.2f}"
            if isinstance(value, float)
            else str(value)
        )
        shown.add_row(name.replace("_", " "), text)
    return shown
