"""Two classic scripts from the modules, small, and nothing that it does not know."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import shutil
import subprocess
from importlib.util import find_spec
from pathlib import Path

import brotli
import pytest

from bundle_widget import (
    MODULES,
    MORE,
    PAGE_MODULES,
    ROOT,
    CannotBundle,
    build,
    bundle,
    bundle_page,
)
from stoppress.web.response_cache_and_compression import CachedBody

FIRST_BUDGET = 8 << 10
"""Bytes of what a page loads at once, by Brotli."""
BUDGET = 14 << 10
"""Bytes of all the reader's JavaScript, by Brotli."""


PAGE_BUDGET = 3 << 10
"""Bytes of the script of the hub's own pages, by Brotli."""

LOADER = """
export function loadScript(name, integrity, shared) {
  const script = { shared };
  globalThis.document = { currentScript: script };
  console.log(integrity);
  require("vm").runInThisContext(require("fs").readFileSync("stop-press-more.js"));
  return Promise.resolve(script.exported);
}
"""
"""Loads the second script as a page does, in node."""


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
    """What is loaded at once, and all of it, stay within their budgets."""
    first, more = (len(brotli.compress(one.encode())) for one in bundle(MODULES))
    assert first <= FIRST_BUDGET
    assert first + more <= BUDGET
    page = bundle_page(PAGE_MODULES)
    assert len(brotli.compress(page.encode())) <= PAGE_BUDGET


@pytest.mark.skipif(shutil.which("node") is None, reason="node is not installed")
def test_the_script_is_a_classic_script(tmp_path: Path) -> None:
    """Each parses, and leaves nothing in the page's own scope."""
    for script in bundle(MODULES):
        path = tmp_path / "whole.cjs"
        path.write_text(script)
        done = subprocess.run(["node", "--check", path], check=False, timeout=500)
        assert done.returncode == 0
        assert script.startswith("(()=>{")


@pytest.mark.skipif(shutil.which("node") is None, reason="node is not installed")
def test_modules_imported_on_demand_are_a_second_script(tmp_path: Path) -> None:
    """Named by its digest, checked by it, and given what it uses of the first."""
    folder = write(
        tmp_path,
        define='import { one, LONGEST_MS } from "./a.js";\n'
        "/** @type {typeof import('./b.js')} */\n"
        'const later = import("./later.js");\n'
        "later.then(({ two }) => console.log(one, LONGEST_MS, two));\n",
        a="export const one = 1;\nexport const LONGEST_MS = 3_000;\n",
        later='import { LONGEST_MS, one } from "./a.js";\n'
        'import { three } from "./b.js";\n'
        "export const two = [one, LONGEST_MS, three()];\n",
        b="export function three() {\n  return 3;\n}\n",
        load_second_script=LOADER,
    )
    script = tmp_path / "stop-press.js"
    build(folder, script)
    first, more = bundle(folder)
    content = (tmp_path / MORE).read_bytes()
    assert content == more.encode() and "three" not in first
    digest = CachedBody.of_file(content).etag[1:-1]
    assert f"stop-press-more.{digest}.js" in first
    ran = subprocess.run(
        ["node", "stop-press.js"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
        timeout=500,
    )
    integrity = base64.b64encode(hashlib.sha256(content).digest()).decode()
    assert ran.stdout == f"sha256-{integrity}\n1 3000 [ 1, 3000, 3 ]\n"
    for built in (script, tmp_path / MORE):
        compressed = built.with_name(f"{built.name}.br").read_bytes()
        assert brotli.decompress(compressed) == built.read_bytes()


@pytest.mark.skipif(shutil.which("node") is None, reason="node is not installed")
def test_the_names_of_both_scripts_differ(tmp_path: Path) -> None:
    """The second sees the names of the first."""
    folder = write(
        tmp_path,
        define='const one = 1;\nimport("./later.js");\n',
        later="export const one = 2;\n",
        load_second_script="export function loadScript() {}\n",
    )
    with pytest.raises(CannotBundle, match=r"declared in .* too"):
        bundle(folder)


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
        ["node", "-e", bundle(folder).first],
        capture_output=True,
        text=True,
        check=True,
        timeout=500,
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
    script = bundle(folder).first
    ran = subprocess.run(
        ["node", "-e", script], capture_output=True, text=True, check=True, timeout=500
    )
    assert ran.stdout == "1500 1\n"
    assert script.count("LONGEST_MS") == 2, "the member's name alone is left"


@pytest.mark.skipif(shutil.which("node") is None, reason="node is not installed")
def test_functions_and_constants_have_one_form(tmp_path: Path) -> None:
    """Which does the same, called before it stands there or after."""
    folder = write(
        tmp_path,
        define='import { later } from "./a.js";\n\n'
        "later({ one: 2 }).then(console.log);\n",
        a="export async function later({ one = 1, other = [] }) {\n"
        "  const { length } = other;\n  return sum(one, length);\n}\n\n"
        "function sum(a, b) {\n  if (a) {\n    return a + b;\n  }\n  return 0;\n}\n",
    )
    script = bundle(folder).first
    ran = subprocess.run(
        ["node", "-e", script], capture_output=True, text=True, check=True, timeout=500
    )
    assert ran.stdout == "2\n"
    assert "function" not in script and "const" not in script


@pytest.mark.parametrize(
    ("modules", "complaint"),
    [
        ({"define": 'console.log("a const b");\n'}, "reads like a declaration"),
        ({"define": 'import { a as b } from "./a.js";\n', "a": ""}, "renames"),
        ({"define": 'import a from "./a.js";\n', "a": ""}, "can't be bundled"),
        ({"define": "const u = import.meta.url;\n"}, "can't be bundled"),
        ({"define": "const m = import(`./a.js`);\n"}, "can't be bundled"),
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
def test_an_unsupported_statement_is_refused(
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
    assert script.read_text() == bundle(folder).first
    os.utime(script, (1, 1))
    build(folder, script)
    assert script.stat().st_ino == first.st_ino
    assert script.stat().st_mtime > 1
    write(tmp_path, define="console.log(2);\n")
    build(folder, script)
    assert script.read_text() == bundle(folder).first
    assert {path.name for path in tmp_path.iterdir()} == {
        "define.js",
        "out.js",
        "out.js.br",
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
        timeout=500,
    ).stdout
    (rule,) = (
        line
        for line in made.splitlines()
        if line.startswith("client_demo/stop-press.js:")
    )
    needed = set(rule.partition(":")[2].split("|")[0].split())
    folders = (MODULES, PAGE_MODULES)
    modules = {
        str(path.relative_to(ROOT))
        for folder in folders
        for path in folder.glob("*.js")
    }
    assert modules | {"server/bundle_widget.py"} <= needed
