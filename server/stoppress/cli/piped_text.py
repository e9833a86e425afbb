"""What is piped into a command."""

from __future__ import annotations

import sys

import click


def piped_text() -> str:
    """The text on stdin: UTF-8, without a byte order mark. Raises UsageError."""
    try:
        return sys.stdin.buffer.read().decode("utf-8-sig").strip()
    except UnicodeDecodeError as error:
        raise click.UsageError(f"stdin is not UTF-8: {error.reason}") from None
