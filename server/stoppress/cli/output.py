"""How commands print: JSON for programs, tables for people."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence

import click
import msgspec
from rich.console import Console
from rich.table import Table
from rich.text import Text


def say_json(value: object) -> None:
    """Print `value` as JSON, indented."""
    encoded = msgspec.json.encode(value)
    click.echo(msgspec.json.format(encoded, indent=2).decode())


def table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Print rows under column names; separated by tabs if stdout is not a terminal."""
    if not sys.stdout.isatty():
        for row in rows:
            click.echo("\t".join(" ".join(cell.split()) for cell in row))
        return
    shown = Table(*columns, box=None, pad_edge=False, header_style="bold")
    for row in rows:
        # As plain text: a title must not be parsed as markup.
        shown.add_row(*map(Text, row))
    Console().print(shown)
