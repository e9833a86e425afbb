"""What is piped into a command."""

from __future__ import annotations

import io
import sys

import click
import pytest

from stoppress.cli.piped_text import piped_text


def piped(monkeypatch: pytest.MonkeyPatch, data: bytes) -> str:
    """What a command gets of `data` on stdin."""
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data)))
    return piped_text()


def test_a_text_is_utf_8(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the locale says."""
    assert piped(monkeypatch, "Çağrı\n".encode()) == "Çağrı"
    with pytest.raises(click.UsageError, match="stdin is not UTF-8"):
        piped(monkeypatch, b"\xff")


def test_a_byte_order_mark_is_no_part_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only at the beginning."""
    assert piped(monkeypatch, "\ufeff{}\n".encode()) == "{}"
    assert piped(monkeypatch, "a\ufeffb".encode()) == "a\ufeffb"
