"""The desk's modules as one script."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from stoppress.web.pages.desk_script import CannotBundle, desk_script

SOURCES = {
    "a/main.js": """/**
 * The entry.
 */

import { twice } from "./twice.js";
import {
  STEP,
  step as next,
} from "../b/step.js";

/** @type {number} */ let made = twice(STEP);
// A comment.
const later = await import("./later.js");
console.log(next(made), later.word, `a // b`);
""",
    "a/twice.js": "const by = 2;\nexport const twice = (n) => n * by;\n",
    "a/later.js": (
        'import { STEP } from "../b/step.js";\nexport const word = `s${STEP}`;\n'
    ),
    "b/step.js": (
        "const by = 3;\nexport const STEP = by;\nexport function step(n) {\n"
        "  return n + by;\n}\nexport class Unused {}\n"
    ),
}


def test_modules_keep_their_scopes() -> None:
    """Comments go; names of one module never meet those of another."""
    script = desk_script("a/main.js", SOURCES)
    assert "The entry" not in script
    assert "A comment" not in script
    assert script.count("const by = ") == 2
    assert script.count("(() => {") == 3


@pytest.mark.skipif(shutil.which("node") is None, reason="node is not installed")
def test_the_script_runs(tmp_path: Path) -> None:
    """It does what its modules did."""
    path = tmp_path / "script.mjs"
    path.write_text(desk_script("a/main.js", SOURCES))
    ran = subprocess.run(
        ["node", path.name],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert ran.stdout == "9 s3 a // b\n"


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ('import { a } from "./gone.js";\n', "does not exist"),
        ('import { b } from "./main.js";\n', "imports itself"),
        ('import * as all from "../b/step.js";\n', "by name"),
        ("export default 1;\n", "by name"),
    ],
)
def test_other_forms_are_refused(source: str, reason: str) -> None:
    """With the module and what to do."""
    with pytest.raises(CannotBundle, match=reason):
        desk_script("a/main.js", SOURCES | {"a/main.js": source})
