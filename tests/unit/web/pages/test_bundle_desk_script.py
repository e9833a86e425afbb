"""The desk's modules as one script."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from stoppress.web.pages.bundle_desk_script import CannotBundle, desk_script

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
    assert script.count("let by=") == 2
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
        timeout=500,
        check=True,
    )
    assert ran.stdout == "9 s3 a // b\n"


PRIVATE = """export class Counter {
  /** @type {number} */ #count = 0;
  #a = "#count.#count";
  static #made = 0;

  get #next() {
    return this.#count + 1;
  }

  #add() {
    Counter.#made += 1;
    this.#count = this.#next;
    return this;
  }

  async told() {
    await null;
    return `${this.#add().#count} ${this.#a} ${Counter.#made} #add`;
  }
}
"""


@pytest.mark.skipif(shutil.which("node") is None, reason="node is not installed")
def test_private_members_get_short_names(tmp_path: Path) -> None:
    """Whatever they are called, and nothing else does."""
    main = (
        'import { Counter } from "./c.js";\nconsole.log(await new Counter().told());\n'
    )
    script = desk_script("a/m.js", {"a/m.js": main, "a/c.js": PRIVATE})
    assert "#made" not in script and "this.#count" not in script
    path = tmp_path / "script.mjs"
    path.write_text(script)
    command = ["node", path.name]
    ran = subprocess.run(
        command, cwd=tmp_path, capture_output=True, text=True, timeout=500, check=True
    )
    assert ran.stdout.startswith("1 #count.#")
    assert ran.stdout.endswith(" 1 #add\n")
    many = "".join(f"#m{n} = {n};\n" for n in range(60))
    short = desk_script("a/c.js", {"a/c.js": f"class C {{\n{many}}}\n"})
    assert len(set(re.findall(r"^#(\w+)", short, re.M))) == 60


WITHOUT_SEMICOLONS = """const many = [];
const { length } = many;
for (const one of ["in;", "of"]) many.push(one);
const last = many.at(-1);
[length, last].forEach((one) => many.push(one));
if (!last) throw new Error("const ;");
let index = 0;
do index += 1; while (index < 3);
console.log(index, many.join());
"""


@pytest.mark.skipif(shutil.which("node") is None, reason="node is not installed")
def test_statements_stay_apart(tmp_path: Path) -> None:
    """Also where a line begins with what could continue the one before."""
    script = desk_script("a/m.js", {"a/m.js": WITHOUT_SEMICOLONS})
    assert "last=many.at(-1);\n[" in script and "let many=[]\nlet{" in script
    path = tmp_path / "script.mjs"
    path.write_text(script)
    command = ["node", path.name]
    ran = subprocess.run(
        command, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=True
    )
    assert ran.stdout == "3 in;,of,0,of\n"


WITH_BLANKS = """const word = "a = b, { c } ? d : e", one = { "f : g": 1 , h: -1 };
const text = `${word} = ${one.h}`;
const found = / = ?, {2}/.test("x = ,  ") && 'i = j, k';
const far = one.h > 0 ? .5 : one.h >= -1 && !found === false ? { text } : null;
function* all() { yield { word } ; for (const { text } of [far]) yield { text }; }
console.log([...all()].map((each) => Object.values(each).join()).join(" ; "), one);
"""


@pytest.mark.skipif(shutil.which("node") is None, reason="node is not installed")
def test_blanks_of_texts_stay(tmp_path: Path) -> None:
    """Others are left out where they separate no words."""
    script = desk_script("a/m.js", {"a/m.js": WITH_BLANKS})
    assert 'let word="a = b, { c } ? d : e",one={"f : g":1,h:-1}' in script
    told = []
    for name, code in (("a.mjs", WITH_BLANKS), ("b.mjs", script)):
        (tmp_path / name).write_text(code)
        ran = subprocess.run(
            ["node", name],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
        )
        told.append(ran.stdout)
    assert told[0] == told[1] and "a = b, { c } ? d : e ; " in told[0]


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ('import { a } from "./gone.js";\n', "does not exist"),
        ('import { b } from "./main.js";\n', "imports itself"),
        ('import * as all from "../b/step.js";\n', "by name"),
        ("export default 1;\n", "by name"),
        ("class A { #b;\nis(c) { return #b in c; } }\n", "after a dot"),
        ("{\n  while (f(g()));\n  h();\n}\n", "empty body"),
        ("for (;;);\nh();\n", "empty body"),
    ],
)
def test_other_forms_are_refused(source: str, reason: str) -> None:
    """With the module and what to do."""
    with pytest.raises(CannotBundle, match=reason):
        desk_script("a/main.js", SOURCES | {"a/main.js": source})
