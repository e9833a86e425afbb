"""What is in the wheel: all that a server needs, and nothing else."""

from __future__ import annotations

import zipfile
from email.parser import Parser
from pathlib import Path

import pytest
from hatchling.builders.wheel import WheelBuilder

from bundle_widget import MODULES, MORE, SCRIPT, bundle
from stoppress import __version__

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    """The wheel, built from the tree as it is."""
    folder = tmp_path_factory.mktemp("dist")
    builder = WheelBuilder(str(ROOT))
    (made,) = builder.build(directory=str(folder), versions=["standard"])
    return zipfile.ZipFile(made)


def test_every_file_of_the_package_is_in_it(wheel: zipfile.ZipFile) -> None:
    """Modules, scripts of Redis, templates, the demo's coverage."""
    package = ROOT / "server"
    files = {
        str(path.relative_to(package))
        for path in (package / "stoppress").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert files <= set(wheel.namelist())
    assert any(name.endswith(".lua") for name in files)


def test_the_browser_files_are_in_it(wheel: zipfile.ZipFile) -> None:
    """And the classic scripts, made from the modules as they are."""
    names = set(wheel.namelist())
    modules = {
        f"stoppress/client_demo/stop-press/{m.name}" for m in MODULES.glob("*.js")
    }
    assert modules and modules <= names
    scripts = SCRIPT, SCRIPT.with_name(MORE)
    for script, built in zip(scripts, bundle(MODULES), strict=True):
        name = f"stoppress/client_demo/{script.name}"
        assert wheel.read(name).decode() == built == script.read_text("utf-8")
        assert f"{name}.br" in names


def test_the_wheel_has_no_other_files(wheel: zipfile.ZipFile) -> None:
    """No test, no tool, no rest of a build."""
    tops = {name.split("/")[0] for name in wheel.namelist()}
    assert tops == {"stoppress", f"stop_press-{__version__}.dist-info"}
    assert not [name for name in wheel.namelist() if name.endswith(".pyc")]


def test_its_metadata_says_what_it_is(wheel: zipfile.ZipFile) -> None:
    """The version is the package's, and uvicorn is held to its minor version."""
    text = wheel.read(f"stop_press-{__version__}.dist-info/METADATA").decode()
    metadata = Parser().parsestr(text)
    assert metadata["Version"] == __version__
    required = metadata.get_all("Requires-Dist", [])
    assert "uvicorn<0.55,>=0.54" in required
    # The script is built before: a server needs no minifier.
    at_run = [one for one in required if "extra ==" not in one]
    assert not [one for one in at_run if "minify" in one or "rjsmin" in one]
    entry = wheel.read(f"stop_press-{__version__}.dist-info/entry_points.txt").decode()
    assert "stoppress = stoppress.cli:main" in entry
