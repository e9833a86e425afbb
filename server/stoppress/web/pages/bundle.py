"""One classic script made from the plain ES modules, and where those are.

`<script integrity>` does not cover what a module imports, so what others embed is
one file. Rules, which keep this short and are checked: imports are static, on top,
by name, without `as`; exports are declarations or the last line; no two modules
declare the same name at their top. A number with a name in capitals is written where
it is used: the minifier would keep the name.

Used when the wheel is built, and at the start of a server in a checkout. Imports
nothing of the package, so that the build can load it alone.
"""

from __future__ import annotations

import re
from pathlib import Path

import rjsmin  # type: ignore[import-untyped, unused-ignore]

try:
    import minify  # type: ignore[import-not-found, import-untyped, unused-ignore]
except ImportError:  # no wheel for this machine
    minify = None

ENTRY = "define.js"

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


def browser_files() -> Path:
    """The folder that holds `stop-press/`: in the wheel, else in the checkout."""
    package = Path(__file__).resolve().parents[2]
    for folder in (package / "client_demo", package.parents[1] / "client_demo"):
        if (folder / "stop-press").is_dir():
            return folder
    raise FileNotFoundError(
        f"the browser files are missing: no client_demo/stop-press beside {package}; "
        "install the package again"
    )


def bundle(folder: Path) -> str:
    """The modules of `folder`, from define.js on, as one minified classic script."""
    modules: dict[str, str] = {}
    _collect(folder, ENTRY, modules, ())
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


def _numbered(script: str) -> str:
    """The script with its named numbers written out."""
    numbers = dict(_NUMBER.findall(script))
    script = _NUMBER.sub("", script)
    for name, number in numbers.items():
        script = re.sub(rf"(?<![\w.]){name}\b(?!:)", number, script)
    return script


def _minified(script: str) -> str:
    """The script with short names, or at least without comments and white space."""
    if minify is None:
        smaller: str = rjsmin.jsmin(script)
    else:
        smaller = minify.string("text/javascript", script)
    return smaller + "\n"


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
