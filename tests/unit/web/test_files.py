"""The browser's files: from a checkout or from a wheel, under lasting names."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from stoppress.web.bundle import browser_files
from stoppress.web.files import Files


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the browser's files."""
    for name in ("stop-press", "page"):
        shutil.copytree(browser_files() / name, tmp_path / name)
    return tmp_path


def test_a_wheel_brings_the_script(folder: Path) -> None:
    """Where it was made already it is not made again."""
    (folder / "stop-press.js").write_text("made();")
    files = Files(folder)
    other = Files(browser_files())
    assert files.addresses["stop-press.js"] != other.addresses["stop-press.js"]
    assert files.addresses["page.css"] == other.addresses["page.css"]


def test_the_same_content_has_the_same_name(folder: Path) -> None:
    """On every server; another content has another one."""
    before = Files(folder).addresses
    assert before == Files(browser_files()).addresses
    with (folder / "page" / "page.css").open("a") as style:
        style.write("/* changed */")
    after = Files(folder).addresses
    changed = {name for name in before if before[name] != after[name]}
    assert changed == {"page.css"}


def test_each_file_has_a_plain_name_too() -> None:
    """What others embed has one address for ever."""
    paths = Files(browser_files()).paths
    assert {"/stop-press.js", "/stop-press.css", "/page.css"} <= set(paths)
    assert len(paths) == 6
