"""What comments, docstrings and docs cite exists: files, exceptions by class, and of
docs the targets of make, the settings, the links and the package's folders."""

from __future__ import annotations

import ast
import builtins
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from stoppress.settings import Settings

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "server" / "stoppress"
BROWSER = ROOT / "client_demo" / "stop-press"
FILE = re.compile(r"`(?:[\w-]+/)*([\w-]+\.(?:py|js|lua))`")
RAISES = re.compile(r"\bRaises? ((?:[A-Z]\w+(?:,\s+(?:and |or )?| and | or )?)+)")
TARGET = re.compile(r"(?:^|`|&& )make ([a-z][\w-]*)", re.M)
SETTING = re.compile(r"\bSTOPPRESS_([A-Z0-9_]+)")
LINK = re.compile(r"\]\((?!https?:|mailto:)([^)#\s]*)#?([^)\s]*)\)")
HEADING = re.compile(r"^#+ (.*)$", re.M)
OF_NO_SETTING = {"URL", "TOKEN", "HUBS"}
"""Variables of the commands, and of the compose file."""
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


def documents() -> dict[str, str]:
    """The text of each document, by its path."""
    paths = (
        *(ROOT / "docs").glob("*.md"),
        ROOT / "README.md",
        ROOT / "CONTRIBUTING.md",
    )
    paths = (*paths, BROWSER / "README.md")
    return {str(path.relative_to(ROOT)): path.read_text("utf-8") for path in paths}


def unknown_targets(text: str, known: set[str]) -> list[str]:
    """The targets of make that `text` calls and that do not exist."""
    return [name for name in TARGET.findall(text) if name not in known]


def unknown_settings(text: str, known: set[str]) -> list[str]:
    """The variables `STOPPRESS_…` in `text` that are no setting."""
    return [name for name in SETTING.findall(text) if name not in known]


def anchor(heading: str) -> str:
    """The fragment of a link to the heading."""
    return re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-")


def broken_links(text: str, folder: Path, itself: Path) -> list[str]:
    """The relative links in `text` whose file or heading does not exist."""
    broken = []
    for name, fragment in LINK.findall(text):
        target = folder / name if name else itself
        if not target.exists():
            broken.append(name)
        elif fragment and fragment not in map(
            anchor, HEADING.findall(target.read_text())
        ):
            broken.append(f"{name}#{fragment}")
    return broken


def test_cited_targets_and_settings_exist() -> None:
    """An operator types them as they are written."""
    made = re.findall(r"^([a-z][\w-]*):", (ROOT / "Makefile").read_text(), re.M)
    known = {name.upper() for name in Settings.__dataclass_fields__} | OF_NO_SETTING
    for path, text in documents().items():
        assert unknown_targets(text, {*made}) == [], path
        assert unknown_settings(text, known) == [], path


def test_links_between_documents_lead_somewhere() -> None:
    """To a file, and to a heading in it."""
    for path, text in documents().items():
        assert broken_links(text, (ROOT / path).parent, ROOT / path) == [], path


def test_the_architecture_names_every_folder_and_top_module() -> None:
    """A reader of the page finds each one."""
    page = documents()["docs/architecture.md"]
    folders = page.partition("## Folders")[2].partition("## Imports")[0]
    parts = {path.name for path in PACKAGE.iterdir() if (path / "__init__.py").exists()}
    wings = {path.parent.name for path in (PACKAGE / "web").glob("*/__init__.py")}
    assert [name for name in parts | wings if f" {name}/" not in folders] == []
    modules = {path.name for path in PACKAGE.glob("*.py")} - {
        "__init__.py",
        "__main__.py",
    }
    assert [name for name in modules if f" {name}" not in folders] == []


def test_a_citation_of_nothing_is_found() -> None:
    """A target, a setting, a file, and a heading."""
    assert unknown_targets("`make run`, they make it\nmake gone\n", {"run"}) == ["gone"]
    assert unknown_settings("`STOPPRESS_PORT=1` STOPPRESS_GONE", {"PORT"}) == ["GONE"]
    links = (
        "[a](README.md#start) [b](README.md#gone) [c](gone.md) [d](https://x.example)"
    )
    assert broken_links(links, ROOT, ROOT) == ["README.md#gone", "gone.md"]
