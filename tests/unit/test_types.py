"""The browser's modules are typed by their comments, and are a package others can use.

TypeScript checks them all, and writes the declarations that the package carries;
a strict program of somebody else's then compiles against those.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from stoppress import __version__
from stoppress.web.pages import page_routes
from stoppress.web.pages.find_browser_files import browser_folder

MODULES = browser_folder() / "stop-press"
PAGE_MODULES = Path(page_routes.__file__).with_name("static") / "reader"
LIBRARIES = "es2022,dom,dom.iterable"

TYPED = ("fold", "client", "element")
"""What others call, and what changes their state: no type of these is left open."""
ANY = re.compile(r"\bany\b")
ANY_IN_COMMENT = re.compile(r"[{<(|:,\s]any\b[\[\]>)|,;]*\}")
COMMENT = re.compile(r"/\*.*?\*/", re.DOTALL)

CONSUMER = """
import { Reader, type LineState, type State } from "stop-press/client.js";
import { ordered, type Post } from "stop-press/fold.js";
import { StopPress } from "stop-press";
import * as element from "stop-press/element.js";

const told: LineState[] = [];
const reader = new Reader("https://live.example.org", "harbour-fire", {
  change: (state: State, message) => {
    const posts: Post[] = ordered(state);
    console.log(posts[0]?.published_at, message?.cursor ?? "a snapshot");
  },
  line: (line) => told.push(line),
});
reader.start();
await reader.older();
reader.stop();
const same: typeof StopPress = element.StopPress;
new same().append("a fallback");

// @ts-expect-error: a feed is named by its slug.
new Reader("https://live.example.org", 12, {});
// @ts-expect-error: there is no such state of a line.
told.push("alive");
// @ts-expect-error: what is inside stays inside.
import { createUnloadedPosts } from "stop-press/unloaded_post_versions.js";
"""


def tsc(folder: Path, *options: str) -> None:
    """Run the TypeScript compiler; fails with what it says."""
    ran = subprocess.run(
        ["tsc", *options],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=500,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr


@pytest.mark.skipif(shutil.which("tsc") is None, reason="tsc is not installed")
def test_the_modules_and_who_uses_them(tmp_path: Path) -> None:
    """Each module is sound; the package's own declarations are what it does."""
    package = tmp_path / "node_modules" / "stop-press"
    shutil.copytree(MODULES, package)
    tsc(package, "-p", ".")
    for name in TYPED:
        declared = (package / "types" / f"{name}.d.ts").read_text()
        assert not ANY.search(COMMENT.sub("", declared)), name
    (tmp_path / "package.json").write_text('{"type": "module"}')
    (tmp_path / "consumer.mts").write_text(CONSUMER)
    options = ["--strict", "--noEmit", "--target", "es2022", "--module", "node16"]
    tsc(tmp_path, *options, "--lib", "es2022,dom", "consumer.mts")


@pytest.mark.parametrize("name", TYPED)
def test_no_type_is_left_open(name: str) -> None:
    """Neither by a comment, nor by what is parsed and has no type of its own."""
    source = (MODULES / f"{name}.js").read_text()
    assert not ANY_IN_COMMENT.search(source)
    for found in re.finditer(r".*\n.*(?:JSON\.parse|reader\.get)\(", source):
        assert "@type {" in found[0], found[0]


@pytest.mark.skipif(shutil.which("tsc") is None, reason="tsc is not installed")
def test_the_modules_of_the_own_pages() -> None:
    """They are sound too."""
    options = ["--strict", "--noImplicitReturns", "--allowJs", "--checkJs", "--noEmit"]
    target = ["--target", "es2022", "--module", "es2022", "--lib", LIBRARIES]
    tsc(PAGE_MODULES, *options, *target, "page_extras_beside_widget.js")


def test_every_export_of_the_package_exists() -> None:
    """Every entry leads to a module, with declarations of its name."""
    manifest = json.loads((MODULES / "package.json").read_text())
    assert manifest["version"] == __version__
    entries = manifest["exports"]
    assert entries.pop("./package.json") == "./package.json"
    for entry in entries.values():
        path = MODULES / entry["default"]
        assert path.is_file()
        assert entry["types"] == f"./types/{path.stem}.d.ts"
