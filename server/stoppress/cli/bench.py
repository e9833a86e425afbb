"""`stoppress bench`: load a server, and print how it performed."""

from __future__ import annotations

import json
import math
import secrets
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from stoppress.bench.report import check_limit, figures, table
from stoppress.bench.requests_per_server_kind import STOP_PRESS
from stoppress.bench.run import run
from stoppress.bench.run_plan_and_result import BenchFailed, RunPlan
from stoppress.cli.api_client import server_options
from stoppress.client.check_arguments import clean_secret

_ENDING = signal.SIGTERM, signal.SIGHUP


class CannotBench(click.ClickException):
    """The run failed, or its figures are meaningless."""

    exit_code = 2


class Finite(click.FloatRange):
    """A number in a range, and neither nan, which no range refuses, nor infinite."""

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> Any:
        """The number; any other text is misuse."""
        number = super().convert(value, param, ctx)
        if not math.isfinite(number):
            self.fail(f"{value} is not a finite number.", param, ctx)
        return number


@click.command()
@server_options
@click.option(
    "--readers",
    default=1000,
    show_default=True,
    type=click.IntRange(1),
    help="How many readers connect.",
)
@click.option(
    "--posts",
    default=200,
    show_default=True,
    type=click.IntRange(1),
    help="How many posts are published.",
)
@click.option(
    "--rate",
    default=0.0,
    show_default=True,
    type=Finite(0),
    help="Posts per second; 0: one after the other, without a pause.",
)
@click.option(
    "--size",
    default=300,
    show_default=True,
    type=click.IntRange(1, 50_000),
    help="Bytes of a post's body.",
)
@click.option(
    "--transport",
    help="How readers connect.",
    default="websocket",
    show_default=True,
    type=click.Choice(["websocket", "sse"]),
)
@click.option(
    "--deflate", is_flag=True, help="Readers negotiate permessage-deflate (WebSocket)."
)
@click.option(
    "--at-once",
    default=200,
    show_default=True,
    type=click.IntRange(0),
    help="Handshakes in progress at once; 0: all.",
)
@click.option(
    "--loaders",
    default=1,
    show_default=True,
    type=click.IntRange(1, 64),
    help="Processes that hold the readers.",
)
@click.option(
    "--timeout",
    default=120.0,
    show_default=True,
    type=Finite(0, min_open=True),
    help="Seconds for each part of the run, besides the time that --rate takes.",
)
@click.option(
    "--tls",
    is_flag=True,
    help="Readers and editor use TLS; any certificate will do.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the figures as JSON.")
def bench(
    url: str,
    token: str | None,
    readers: int,
    posts: int,
    rate: float,
    size: int,
    transport: str,
    deflate: bool,
    at_once: int,
    loaders: int,
    timeout: float,
    tls: bool,
    as_json: bool,
) -> None:
    """Load a server with many readers, publish to them, and measure.

    A feed is made for the run and deleted after it, also if it is interrupted. CPU
    and memory are shown for a server on this machine. The run fails if the generator,
    not the server, was the limit: its figures would say nothing about the server.
    """
    if deflate and transport == "sse":
        raise click.UsageError(
            "--deflate is for WebSockets only: leave out --transport sse"
        )
    plan = RunPlan(
        target=STOP_PRESS,
        url=url.replace("http://", "https://", 1) if tls else url,
        token=clean_secret(token, "token"),
        feed=f"bench-{secrets.token_hex(4)}",
        readers=readers,
        posts=posts,
        rate=rate,
        size=size,
        transport="sse" if transport == "sse" else "websocket",
        deflate=deflate,
        at_once=at_once,
        loaders=loaders,
        timeout_s=timeout,
        tls=tls,
    )
    try:
        with _interrupted_by_signals(), _bars() as bars:
            tasks = {
                "readers": bars.add_task("readers", total=readers),
                "posts": bars.add_task("posts", total=posts),
            }
            found = run(
                plan, lambda done, what: bars.update(tasks[what], completed=done)
            )
        rows = figures(plan, found)
        if as_json:
            click.echo(json.dumps(rows, indent=1))
        else:
            Console().print(table(rows))
        check_limit(found)
    except BenchFailed as failed:
        raise CannotBench(str(failed)) from None


@contextmanager
def _interrupted_by_signals() -> Iterator[None]:
    """A block that SIGTERM and SIGHUP interrupt, so that the run cleans up.

    Only the first one counts. What is ignored, as SIGHUP is under nohup, stays so.
    """
    former = {number: signal.getsignal(number) for number in _ENDING}
    heeded = [number for number in _ENDING if former[number] != signal.SIG_IGN]

    def interrupt(number: int, frame: object) -> None:
        for each in heeded:
            signal.signal(each, signal.SIG_IGN)
        raise KeyboardInterrupt

    for number in heeded:
        signal.signal(number, interrupt)
    try:
        yield
    finally:
        for number in heeded:
            signal.signal(number, former[number])


def _bars() -> Progress:
    """Progress bars on stderr, removed at the end."""
    return Progress(
        TextColumn("{task.description:8}"),
        BarColumn(),
        MofNCompleteColumn(),
        console=Console(stderr=True),
        transient=True,
        disable=not sys.stderr.isatty(),
    )
