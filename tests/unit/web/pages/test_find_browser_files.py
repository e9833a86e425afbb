"""Where the browser's files are, and what to run when the script is not built."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from stoppress.web.pages import find_browser_files as module
from stoppress.web.pages.find_browser_files import (
    MORE,
    PAGE,
    SCRIPT,
    MissingFiles,
    browser_folder,
    stale_script,
)


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkout with one module, and the package in it."""
    monkeypatch.setattr(module, "_PACKAGE", tmp_path / "server" / "stoppress")
    monkeypatch.setattr(module, "_CHECKOUT", tmp_path)
    modules = tmp_path / "client_demo" / "stop-press"
    modules.mkdir(parents=True)
    (modules / "a.js").write_text("1;")
    return tmp_path


def test_a_script_that_was_not_built_is_told(checkout: Path) -> None:
    """In one line, with what to run."""
    with pytest.raises(MissingFiles) as missing:
        browser_folder()
    assert str(missing.value) == (
        f"the reader's script {checkout}/client_demo/stop-press.js is missing: "
        "run `make run`, or `python server/bundle_widget.py`, in the checkout"
    )


def test_missing_browser_files_are_reported(checkout: Path) -> None:
    """The package was not installed whole."""
    (checkout / "client_demo").rename(checkout / "elsewhere")
    with pytest.raises(MissingFiles, match="install the package again"):
        browser_folder()


def test_an_older_script_is_stale(checkout: Path) -> None:
    """Where any module is newer; beside the package nothing is."""
    script = checkout / "client_demo" / SCRIPT
    script.write_text("1;")
    with pytest.raises(MissingFiles, match=MORE):
        browser_folder()
    (script.parent / MORE).write_text("1;")
    with pytest.raises(MissingFiles, match=PAGE):
        browser_folder()
    (script.parent / PAGE).write_text("1;")
    os.utime(script.parent / "stop-press" / "a.js", (1000, 1000))
    folder = browser_folder()
    assert stale_script(folder) == ""
    os.utime(script, (999, 999))
    assert "make run" in stale_script(folder)
    wheel = checkout / "server" / "stoppress" / "client_demo"
    wheel.parent.mkdir(parents=True)
    folder.rename(wheel)
    assert browser_folder() == wheel
    assert stale_script(wheel) == ""
