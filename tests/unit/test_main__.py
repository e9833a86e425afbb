"""`python -m stoppress` is the command."""

from __future__ import annotations

import runpy

import pytest

from stoppress import __version__


def test_the_package_runs_as_the_command(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """With its exit code."""
    monkeypatch.setattr("sys.argv", ["stoppress", "--version"])
    with pytest.raises(SystemExit) as ended:
        runpy.run_module("stoppress", run_name="__main__")
    assert not ended.value.code
    assert __version__ in capsys.readouterr().out
