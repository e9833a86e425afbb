"""The browser's files: from a checkout or from a wheel, under lasting names."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import cast

import brotli
import pytest
from starlette.requests import Request

from stoppress.web.pages import browser_files
from stoppress.web.pages.browser_files import PAGE_STYLES, STYLES, BrowserFiles
from stoppress.web.pages.find_browser_files import MORE, PAGE, SCRIPT, browser_folder
from stoppress.web.services import Services

UNUSED = cast(Services, None)
"""Files need nothing of the server."""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the browser's files."""
    shutil.copytree(browser_folder() / "stop-press", tmp_path / "stop-press")
    for name in (SCRIPT, MORE, PAGE):
        shutil.copy(browser_folder() / name, tmp_path)
        shutil.copy(browser_folder() / f"{name}.br", tmp_path)
    return tmp_path


def test_the_script_is_served_as_it_was_built(folder: Path) -> None:
    """Under a name of its own content."""
    (folder / "stop-press.js").write_text("made();")
    files = BrowserFiles(folder)
    other = BrowserFiles(browser_folder())
    assert files.addresses["stop-press.js"] != other.addresses["stop-press.js"]
    assert files.addresses["page.css"] == other.addresses["page.css"]


def test_the_first_script_names_the_second() -> None:
    """By the address at which it is served."""
    files = BrowserFiles(browser_folder())
    script = (browser_folder() / SCRIPT).read_text()
    assert files.addresses[MORE][1:] in script


@pytest.mark.asyncio
async def test_a_script_is_sent_as_it_was_compressed(folder: Path) -> None:
    """But not what was compressed of another."""
    built = (folder / f"{SCRIPT}.br").read_bytes()
    request = Request(
        {
            "type": "http",
            "method": "GET",
            "path": f"/{SCRIPT}",
            "headers": [(b"accept-encoding", b"br")],
        }
    )
    sent = await BrowserFiles(folder).file(UNUSED, request)
    assert sent.body == built and sent.headers["content-encoding"] == "br"
    (folder / SCRIPT).write_text("another();" * 100)
    sent = await BrowserFiles(folder).file(UNUSED, request)
    assert brotli.decompress(bytes(sent.body)) == b"another();" * 100


def test_the_same_content_has_the_same_name(folder: Path) -> None:
    """On every server; another content has another one."""
    before = BrowserFiles(folder).addresses
    assert before == BrowserFiles(browser_folder()).addresses
    with (folder / "stop-press" / "css" / "status_bar.css").open("a") as style:
        style.write("/* changed */")
    after = BrowserFiles(folder).addresses
    changed = {name for name in before if before[name] != after[name]}
    assert changed == {"stop-press.css"}


def test_each_file_has_a_plain_name_too() -> None:
    """What others embed has one address for ever."""
    paths = BrowserFiles(browser_folder()).paths
    assert {"/stop-press.js", "/stop-press.css", "/page.css"} <= set(paths)
    assert len(paths) == 14


@pytest.mark.parametrize(
    ("styles", "names"),
    [
        (browser_folder() / "stop-press" / "css", STYLES),
        (Path(browser_files.__file__).with_name("static") / "page_css", PAGE_STYLES),
    ],
)
def test_each_file_of_a_style_is_served(styles: Path, names: Sequence[str]) -> None:
    """Once; and none is longer than a module may be."""
    assert {path.name for path in styles.iterdir()} == {f"{name}.css" for name in names}
    assert len(set(names)) == len(names)
    lines = {path: len(path.read_text().splitlines()) for path in styles.iterdir()}
    assert max(lines.values()) <= 250, lines
