"""What comments, docstrings and docs cite exists: files, and exceptions by class."""

from __future__ import annotations

import ast
import builtins
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "server" / "stoppress"
BROWSER = ROOT / "client_demo" / "stop-press"
FILE = re.compile(r"`(?:[\w-]+/)*([\w-]+\.(?:py|js|lua))`")
RAISES = re.compile(r"\bRaises? ((?:[A-Z]\w+(?:,\s+(?:and |or )?| and | or )?)+)")
MADE = {"stop-press.js"}
"""Built, and so not among the sources."""


def sources() -> Iterator[Path]:
    """Every file that cites others."""
    yield from PACKAGE.rglob("*.py")
    for folder in (PACKAGE / "web" / "pages" / "static", BROWSER):
        yield from folder.rglob("*.js")
    yield from (ROOT / "docs").glob("*.md")
    yield from (ROOT / name for name in ("README.md", "CONTRIBUTING.md"))


def file_names() -> set[str]:
    """The names of all files that can be cited."""
    folders = (ROOT / name for name in ("server", "client_demo", "tests"))
    return MADE | {path.name for folder in folders for path in folder.rglob("*.*")}


def classes() -> set[str]:
    """The classes of the package, and Python's own."""
    found = set(vars(builtins))
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.ClassDef):
                found.add(node.name)
            elif isinstance(node, ast.Import | ast.ImportFrom):
                found |= {alias.asname or alias.name for alias in node.names}
            elif isinstance(node, ast.Attribute):
                found.add(node.attr)
    return found


def unknown_files(text: str, known: set[str]) -> list[str]:
    """The files cited in `text` that do not exist."""
    return [name for name in FILE.findall(text) if name not in known]


def unknown_exceptions(text: str, known: set[str]) -> list[str]:
    """The exceptions named after "Raises" in `text` that do not exist."""
    named = [name for said in RAISES.findall(text) for name in said.split()]
    words = [name.rstrip(",.") for name in named]
    return [word for word in words if word[0].isupper() and word not in known]


def test_cited_files_exist() -> None:
    """A comment that names a moved file leads nowhere."""
    known = file_names()
    found = {
        str(path.relative_to(ROOT)): names
        for path in sources()
        if (names := unknown_files(path.read_text("utf-8"), known))
    }
    assert found == {}


def test_cited_exceptions_exist() -> None:
    """A docstring that says what is raised is a promise to the caller."""
    known = classes()
    found = {
        str(path.relative_to(ROOT)): names
        for path in PACKAGE.rglob("*.py")
        if (names := unknown_exceptions(path.read_text("utf-8"), known))
    }
    assert found == {}


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("see `gone.py`", ["gone.py"]),
        ("see `web/gone.py` and `here.py`", ["gone.py"]),
        ("a `here.py`, `stop-press.js`", []),
    ],
)
def test_a_file_that_is_gone_is_found(text: str, names: list[str]) -> None:
    """By its name, in whatever folder."""
    assert unknown_files(text, {"here.py", "stop-press.js"}) == names


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("Raises Failed.", ["Failed"]),
        ("Raise Here for a line", []),
        ("Raises Here, Failed,\n        Lost.", ["Failed", "Lost"]),
        ("Raises Here, and Lost for", ["Lost"]),
    ],
)
def test_an_exception_that_is_gone_is_found(text: str, names: list[str]) -> None:
    """Each of a list, over the ends of lines."""
    assert unknown_exceptions(text, {"Here"}) == names


def test_the_package_names_each_of_its_modules() -> None:
    """The table of its README has all of them, and no others."""
    rows = (BROWSER / "README.md").read_text("utf-8").partition("| file | what |")[2]
    names = [
        name
        for row in rows.splitlines()
        if row.startswith("| `")
        for name in re.findall(r"`([a-z_]+)`", row.split("|")[1])
    ]
    assert sorted(names) == sorted(path.stem for path in BROWSER.glob("*.js"))
