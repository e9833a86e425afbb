"""Builds the reader's script: one classic script made from the plain ES modules.

`<script integrity>` does not cover what a module imports, so what others embed is
one file. Rules, which keep this short and are checked: imports are static, on top,
by name, without `as`; exports are declarations or the last line; no two modules
declare the same name at their top. A number with a name in capitals is written where
it is used: the minifier would keep the name.

`python server/build_script.py` writes it to `client_demo/stop-press.js`, where a server
of the checkout finds it; the build hook does the same for the wheel and for an editable
install, the tests at their start. Imports nothing of the package, whose dependencies
a build has not. Without a minifier (they come with the build and with the tests)
comments and white space stay.
"""

from __future__ import annotations

import json
import os
import re
import sys
from pathlib import Path
from tempfile import NamedTemporaryFile

try:
    import rjsmin  # type: ignore[import-untyped, unused-ignore]
except ImportError:
    rjsmin = None
try:
    import minify  # type: ignore[import-not-found, import-untyped, unused-ignore]
except ImportError:  # no wheel for this machine
    minify = None

ROOT = Path(__file__).resolve().parents[1]
MODULES = ROOT / "client_demo" / "stop-press"
SCRIPT = ROOT / "client_demo" / "stop-press.js"

_IMPORT = re.compile(r'^import \{([^}]*)\} from "\./([\w-]+\.js)";\n', re.MULTILINE)
_EXPORT = re.compile(r"^export (?=(?:async )?(?:const|let|function|class)\b)", re.M)
_EXPORTS = re.compile(r"^export \{[^}]*\};\n", re.MULTILINE)
_LEFT = re.compile(r"^(?:import|export)\b.*|\bimport(?:\(|\.meta).*", re.MULTILINE)
_NUMBER = re.compile(r"^const ([A-Z][A-Z_]+) = ([\d_]+);\n", re.MULTILINE)
_TOP = re.compile(
    r"^(?:async )?(?:const|let|function\*?|class) (?:\{ *)?(\w+)", re.MULTILINE
)


class CannotBundle(ValueError):
    """A module uses what this bundler does not know: where, and what."""


def bundle(folder: Path) -> str:
    """The modules of a package, from its entry on, as one minified classic script."""
    modules: dict[str, str] = {}
    package = json.loads((folder / "package.json").read_text("utf-8"))
    entry = package["exports"]["."]["default"].removeprefix("./")
    _collect(folder, entry, modules, ())
    owners: dict[str, str] = {}
    for name, source in modules.items():
        for declared in _TOP.findall(source):
            if declared in owners:
                raise CannotBundle(
                    f"{name}: {declared!r} is declared in {owners[declared]} too; "
                    "rename one"
                )
            owners[declared] = name
    whole = _numbered("".join(modules.values()))
    return _minified(f'(()=>{{"use strict";\n{whole}\n}})();\n')


def build(modules: Path = MODULES, script: Path = SCRIPT) -> None:
    """Write the script, in one step: who reads it meanwhile has the old or the new."""
    built = bundle(modules)
    if script.is_file() and script.read_text("utf-8") == built:
        # Newer than its modules again, though they made no difference.
        os.utime(script)
        return
    with NamedTemporaryFile(
        "w", encoding="utf-8", dir=script.parent, prefix=".stop-press-", delete=False
    ) as new:
        new.write(built)
    os.chmod(new.name, 0o644)
    os.replace(new.name, script)


def _numbered(script: str) -> str:
    """The script with its named numbers written out."""
    numbers = dict(_NUMBER.findall(script))
    script = _NUMBER.sub("", script)
    for name, number in numbers.items():
        script = re.sub(rf"(?<![\w.]){name}\b(?!:)", number, script)
    return script


def _minified(script: str) -> str:
    """The script with short names, or at least without comments and white space."""
    smaller: str = script
    if minify is not None:
        smaller = minify.string("text/javascript", script)
    elif rjsmin is not None:
        smaller = rjsmin.jsmin(script)
    return smaller.rstrip("\n") + "\n"


def _collect(
    folder: Path, name: str, modules: dict[str, str], path: tuple[str, ...]
) -> None:
    """Put a module behind those that it imports."""
    if name in path:
        raise CannotBundle(f"{name} imports itself, by way of {' and '.join(path)}")
    if name in modules:
        return
    source = (folder / name).read_text("utf-8")
    for names, other in _IMPORT.findall(source):
        if " as " in names:
            raise CannotBundle(f"{name}: import {{{names}}} renames; don't")
        _collect(folder, other, modules, (*path, name))
    source = _EXPORTS.sub("", _EXPORT.sub("", _IMPORT.sub("", source)))
    # Types in comments say import(…), too.
    bare = re.sub(r"/\*.*?\*/", "", source, flags=re.DOTALL)
    left = _LEFT.search(bare)
    if left:
        raise CannotBundle(f"{name}: {left[0]!r} can't be bundled")
    modules[name] = source


def main() -> None:
    """Build the script of this checkout."""
    try:
        build()
    except CannotBundle as error:
        sys.exit(f"error: {error}")


if __name__ == "__main__":
    main()
