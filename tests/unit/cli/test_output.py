"""How commands print."""

from __future__ import annotations

import pytest

from stoppress.cli.output import say_json, table


def test_json_is_indented_and_keeps_its_letters(
    capsys: pytest.CaptureFixture[str],
) -> None:
    say_json({"title": "Çağrı"})
    assert capsys.readouterr().out == '{\n  "title": "Çağrı"\n}\n'


def test_a_program_reads_a_row_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    """No column names, and no cell that breaks a line or a column."""
    table(("a", "b"), [("x\ty", "two\nlines"), ("", "z")])
    assert capsys.readouterr().out == "x y\ttwo lines\n\tz\n"


def test_people_read_a_table(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What stands in a title is no markup."""
    monkeypatch.setattr("sys.stdout.isatty", lambda: True, raising=False)
    table(("name", "title"), [("x", "[bold]Rain[/bold]")])
    shown = capsys.readouterr().out
    assert "name" in shown and "[bold]Rain[/bold]" in shown
