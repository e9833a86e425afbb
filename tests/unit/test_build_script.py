"""One classic script from the modules, small, and nothing that it does not know."""

from __future__ import annotations

import gzip
import json
import os
import shutil
import subprocess
from importlib.util import find_spec
from pathlib import Path

import pytest

from build_script import MODULES, ROOT, CannotBundle, build, bundle

BUDGET = 12 << 10
"""Bytes of all the reader's JavaScript, packed."""


def write(folder: Path, **modules: str) -> Path:
    """A package of modules by name, in a folder; its entry is define.js."""
    package = {"exports": {".": {"default": "./define.js"}}}
    (folder / "package.json").write_text(json.dumps(package))
    for name, source in modules.items():
        (folder / f"{name}.js").write_text(source)
    return folder


@pytest.mark.skipif(
    find_spec("minify") is None, reason="tdewolff-minify is not installed here"
)
def test_the_readers_script_is_small() -> None:
    """All of the reader's JavaScript stays within its budget."""
    script = bundle(MODULES)
    assert len(gzip.compress(script.encode(), 9)) <= BUDGET


@pytest.mark.skipif(shutil.which("node") is None, reason="node is not installed")
def test_the_script_is_a_classic_script(tmp_path: Path) -> None:
    """It parses, and leaves nothing in the page's own scope."""
    script = bundle(MODULES)
    path = tmp_path / "whole.cjs"
    path.write_text(script)
    done = subprocess.run(["node", "--check", path], check=False, timeout=30)
    assert done.returncode == 0
    assert script.startswith("(()=>{")


@pytest.mark.skipif(shutil.which("node") is None, reason="node is not installed")
def test_modules_come_before_those_that_import_them(tmp_path: Path) -> None:
    """Each once, in order, whatever the number of importers."""
    folder = write(
        tmp_path,
        define='import { two } from "./b.js";\nimport { one } from "./a.js";\n'
        "console.log(one, two);\nexport { one };\n",
        b='import { one } from "./a.js";\n\nexport const two = one + 1;\n',
        a="/** One. */\nexport const one = 1;\n",
    )
    ran = subprocess.run(
        ["node", "-e", bundle(folder)],
        capture_output=True,
        text=True,
        check=True,
        timeout=30,
    )
    assert ran.stdout == "1 2\n"


@pytest.mark.skipif(shutil.which("node") is None, reason="node is not installed")
def test_named_numbers_are_written_out(tmp_path: Path) -> None:
    """Where they are used, in any module; not a member that has such a name."""
    folder = write(
        tmp_path,
        define='import { LONGEST_MS } from "./a.js";\n\n'
        "const it = { LONGEST_MS: 1 };\nconsole.log(LONGEST_MS / 2, it.LONGEST_MS);\n",
        a="/** Why. */\nexport const LONGEST_MS = 3_000;\n",
    )
    script = bundle(folder)
    ran = subprocess.run(
        ["node", "-e", script], capture_output=True, text=True, check=True, timeout=30
    )
    assert ran.stdout == "1500 1\n"
    assert script.count("LONGEST_MS") == 2, "the member's name alone is left"


@pytest.mark.parametrize(
    ("modules", "complaint"),
    [
        ({"define": 'import { a as b } from "./a.js";\n', "a": ""}, "renames"),
        ({"define": 'import a from "./a.js";\n', "a": ""}, "can't be bundled"),
        ({"define": "const u = import.meta.url;\n"}, "can't be bundled"),
        ({"define": 'const m = await import("./a.js");\n'}, "can't be bundled"),
        ({"define": "export default 1;\n"}, "can't be bundled"),
        (
            {
                "define": 'import { a } from "./a.js";\nconst b = a;\n',
                "a": "export const a = 1;\nconst b = 2;\n",
            },
            "declared in a.js too",
        ),
        (
            {
                "define": 'import { a } from "./a.js";\n',
                "a": 'import { b } from "./b.js";\nexport const a = b;\n',
                "b": 'import { a } from "./a.js";\nexport const b = a;\n',
            },
            "imports itself",
        ),
    ],
)
def test_what_it_does_not_know_is_refused(
    tmp_path: Path, modules: dict[str, str], complaint: str
) -> None:
    """Naming the module and the line."""
    with pytest.raises(CannotBundle, match=complaint):
        bundle(write(tmp_path, **modules))


def test_building_replaces_the_script_only_when_it_differs(tmp_path: Path) -> None:
    """But it is newer than its modules each time, as make looks at the times."""
    folder = write(tmp_path, define="console.log(1);\n")
    script = tmp_path / "out.js"
    build(folder, script)
    first = script.stat()
    assert script.read_text() == bundle(folder)
    os.utime(script, (1, 1))
    build(folder, script)
    assert script.stat().st_ino == first.st_ino
    assert script.stat().st_mtime > 1
    write(tmp_path, define="console.log(2);\n")
    build(folder, script)
    assert script.read_text() == bundle(folder)
    assert {path.name for path in tmp_path.iterdir()} == {
        "define.js",
        "out.js",
        "package.json",
    }


def test_make_builds_it_from_every_module() -> None:
    """A changed module, of whatever name, makes the script stale."""
    made = subprocess.run(
        ["make", "--print-data-base", "--dry-run", "--question", "help"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    ).stdout
    (rule,) = (
        line
        for line in made.splitlines()
        if line.startswith("client_demo/stop-press.js:")
    )
    needed = set(rule.partition(":")[2].split("|")[0].split())
    modules = {str(path.relative_to(ROOT)) for path in MODULES.glob("*.js")}
    assert modules | {"server/build_script.py"} <= needed
