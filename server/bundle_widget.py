"""Builds the reader's scripts: classic scripts made from the plain ES modules.

`<script integrity>` does not cover what a module imports, so what others embed is
one file, and a second one that the first names by its digest: the modules that are
imported by `import("./name.js")` alone. What only the server's pages have is a third.
Rules, which keep this short and are checked:
other imports are static, on top, by name, without `as`; exports are declarations or
the last line; no two modules declare the same name at their top. A number with a name
in capitals is written where it is used, and a member of `MEMBERS` has one letter: the
minifier would keep the names. A constant is written as `let`, a function at the top of
a module as an arrow (it has no `this`, and is called later): the fewer the forms, the
smaller what Brotli makes.

`python server/bundle_widget.py` writes them to `client_demo/`, where a
server of the checkout finds them; the build hook does the same for the wheel and for an
editable install, the tests at their start. Imports nothing of the package, whose
dependencies a build does not have. Without a minifier (it comes with the build and
with the tests) comments and white space stay. Beside each script goes `….js.br`, made
by Brotli at its best, if that is there; else the server compresses the scripts itself.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import re
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from string import ascii_letters
from tempfile import NamedTemporaryFile
from typing import NamedTuple

try:
    import rjsmin  # type: ignore[import-untyped, unused-ignore]
except ImportError:
    rjsmin = None
try:
    import minify  # type: ignore[import-not-found, import-untyped, unused-ignore]
except ImportError:  # no wheel for this machine
    minify = None
try:
    import brotli
except ImportError:
    brotli = None

ROOT = Path(__file__).resolve().parents[1]
MODULES = ROOT / "client_demo" / "stop-press"
SCRIPT = ROOT / "client_demo" / "stop-press.js"
PAGE_MODULES = ROOT / "server" / "stoppress" / "web" / "pages" / "static" / "reader"
PAGE = "stop-press-page.js"
"""The script of the server's own pages, beside the others."""
PAGE_ENTRY = "page_extras_beside_widget.js"
MORE = "stop-press-more.js"
"""The name of the second script, beside the first; it is served under its digest."""

ORDERS = 24
"""In so many orders of the modules at most each script is tried."""

_LOADER = "load_second_script.js"
"""The module that loads the second script, in place of `import()`."""

_IMPORT = re.compile(r'^import \{([^}]*)\} from "\./([\w-]+\.js)";\n', re.MULTILINE)
_EXPORT = re.compile(r"^export (?=(?:async )?(?:const|let|function|class)\b)", re.M)
_LATER = re.compile(r'/\*.*?\*/|\bimport\("\./([\w-]+\.js)"\)', re.DOTALL)
"""A comment, which may name types by `import()` too, or an import on demand."""
_EXPORTS = re.compile(r"^export \{[^}]*\};\n", re.MULTILINE)
_EXPORTED = re.compile(r"^export (?:async )?(?:const|function|class) (\w+)", re.M)
_LEFT = re.compile(r"^(?:import|export)\b.*|\bimport(?:\(|\.meta).*", re.MULTILINE)
_NUMBER = re.compile(r"^const ([A-Z][A-Z_]+) = ([\d_]+);\n", re.MULTILINE)
MEMBERS = """
    isKept retryMs showLine renderMedia patchElement createFeedExtras drawnFeed
    drawSoon lineChanged loadPages addOlderPage trimToNewest openEventStream
    openLongPoll isRunning around choose drawFeed drawMoments epoch existing opens
    slides arrivals announce showOlder visibilityChanged isBefore inView scrollers
    exported rising drawn room renew change hold wake tick completePosts onStopped
    waitingIds forgetPosts reader bar own words env headingLevel showFeed showPost
    showPosts
""".split()
"""Members that only these modules have: none of the browser's, none of any JSON."""
_CONST = re.compile(r"\bconst (?=[\w{\[])")
_FUNCTION = re.compile(
    r"^(async )?function (\w+)\(([^()]*)\) \{\n(.*?)^\}$", re.MULTILINE | re.DOTALL
)
_MEMBER = re.compile(rf"(?<![\w$/-])(?:{'|'.join(MEMBERS)})\b")
_TEXT = re.compile(r'/\*.*?\*/|//[^\n]*|"((?:[^"\\\n]|\\.)*)"', re.DOTALL)
"""A comment or a string."""
_TOP = re.compile(
    r"^(?:async )?(?:const|let|function\*?|class) (?:\{ *)?(\w+)", re.MULTILINE
)


class CannotBundle(ValueError):
    """A module uses what this bundler does not know: where, and what."""


class Scripts(NamedTuple):
    """What a page loads at once, and what that loads later ("" if there is none)."""

    first: str
    more: str


def bundle(folder: Path) -> Scripts:
    """The modules of a package, from its entry on, as minified classic scripts."""
    package = json.loads((folder / "package.json").read_text("utf-8"))
    entry = package["exports"]["."]["default"].removeprefix("./")
    first = _collected(folder, [entry])
    later = _imported_later(first)
    if later:
        # The entry may need it at once.
        first = _collected(folder, [_LOADER, entry])
    # Sorted: the same modules make the same script, whose digest names it.
    more = _collected(folder, [*first, *sorted(later)])
    if unknown := _imported_later(more) - later:
        raise CannotBundle(f"import({sorted(unknown)[0]!r}) stands in a later module")
    _check_names(more)
    numbers = dict(_NUMBER.findall("".join(map(_declarations, more.values()))))
    more = {name: more[name] for name in more if name not in first}
    shared = {
        name
        for source in more.values()
        for names, other in _IMPORT.findall(source)
        if other in first
        for name in _names(names)
        if name not in numbers
    }
    exported = {
        name
        for module in later & more.keys()
        for name in _EXPORTED.findall(more[module])
    }
    second = ""
    if more:
        before = f"const [{','.join(sorted(shared))}]=document.currentScript.shared;\n"
        after = f"document.currentScript.exported = {{{','.join(sorted(exported))}}};"
        second = _smallest(
            _script(
                before,
                {name: more[name] for name in order if name in more},
                after,
                numbers,
            )
            for order in _orders(folder, list(more))
        )
    loading = _loading(second, shared) if later else ""
    # The entry is last: it begins at once.
    others = [name for name in first if name != entry]
    return Scripts(
        _smallest(
            _script("", {**order, entry: first[entry]}, loading, numbers)
            for order in _orders(folder, others)
        ),
        second,
    )


def _orders(folder: Path, names: list[str]) -> Iterator[dict[str, str]]:
    """Some modules and what they import, in some of the orders that are possible."""
    step = len(names) // ORDERS + 1
    for start in range(0, len(names) or 1, step):
        yield _collected(folder, names[start:] + names[:start])


def _smallest(scripts: Iterator[str]) -> str:
    """The script that Brotli makes smallest: the order of modules decides by 1 %."""
    if brotli is None:
        return next(scripts)
    return min(scripts, key=lambda one: len(brotli.compress(one.encode())))


def bundle_page(folder: Path) -> str:
    """The modules of the server's own pages as one minified classic script."""
    modules = _collected(folder, [PAGE_ENTRY])
    if later := _imported_later(modules):
        raise CannotBundle(f"import({sorted(later)[0]!r}) stands in the page's script")
    _check_names(modules)
    numbers = dict(_NUMBER.findall("".join(map(_declarations, modules.values()))))
    return _script("", modules, "", numbers)


def build(modules: Path = MODULES, script: Path = SCRIPT) -> None:
    """Write the scripts, each in one step: a reader has the old or the new."""
    built = bundle(modules)
    if modules == MODULES:
        _write_both(script.with_name(PAGE), bundle_page(PAGE_MODULES))
    # The first names the second.
    if built.more:
        _write_both(script.with_name(MORE), built.more)
    _write_both(script, built.first)


def _write_both(script: Path, built: str) -> None:
    content = built.encode()
    if brotli is not None:
        compressed = brotli.compress(content, mode=brotli.MODE_TEXT, quality=11)
        _write(script.with_name(f"{script.name}.br"), compressed)
    _write(script, content)


def _write(script: Path, built: bytes) -> None:
    if script.is_file() and script.read_bytes() == built:
        # Newer than its modules again, though they made no difference.
        os.utime(script)
        return
    with NamedTemporaryFile(
        dir=script.parent, prefix=".stop-press-", delete=False
    ) as new:
        new.write(built)
    os.chmod(new.name, 0o644)
    os.replace(new.name, script)


def _script(
    before: str, modules: dict[str, str], after: str, numbers: dict[str, str]
) -> str:
    """One minified classic script of some modules."""
    whole = _NUMBER.sub("", "".join(map(_declarations, modules.values())))
    whole = _LATER.sub(lambda at: "_loadMore()" if at[1] else at[0], whole)
    for text in filter(None, (at[1] for at in _TEXT.finditer(whole))):
        if _MEMBER.search(text) and text not in MEMBERS:
            raise CannotBundle(f"{text!r} holds the name of a member; rename that")
        if _CONST.search(text):
            raise CannotBundle(f"{text!r} reads like a declaration; reword it")
    whole = _FUNCTION.sub(r"const \2 = \1(\3) => {\n\4};", whole)
    whole = _CONST.sub("let ", before + whole)
    for name, number in numbers.items():
        whole = re.sub(rf"(?<![\w.]){name}\b(?!:)", number, whole)
    short = dict(zip(MEMBERS, ascii_letters, strict=False))
    whole = _MEMBER.sub(lambda at: short[at[0]], f"{whole}\n{after}")
    return _minified(f'(()=>{{"use strict";\n{whole}\n}})();\n')


def _loading(more: str, shared: set[str]) -> str:
    """What loads the second script, by its digest."""
    content = more.encode()
    # As `web/pages/browser_files.py` names it.
    digest = hashlib.blake2b(content, digest_size=8).hexdigest()
    integrity = base64.b64encode(hashlib.sha256(content).digest()).decode()
    stem, _, suffix = MORE.rpartition(".")
    return (
        f'function _loadMore() {{ return loadScript("{stem}.{digest}.{suffix}", '
        f'"sha256-{integrity}", [{",".join(sorted(shared))}]); }}'
    )


def _imported_later(modules: dict[str, str]) -> set[str]:
    """The modules that some modules import on demand."""
    return {
        at[1] for source in modules.values() for at in _LATER.finditer(source) if at[1]
    }


def _check_names(modules: dict[str, str]) -> None:
    """Raises CannotBundle if two modules declare the same name at their top."""
    owners: dict[str, str] = {}
    for name, source in modules.items():
        for declared in _TOP.findall(_declarations(source)):
            if declared in owners:
                raise CannotBundle(
                    f"{name}: {declared!r} is declared in {owners[declared]} too; "
                    "rename one"
                )
            owners[declared] = name


def _declarations(source: str) -> str:
    """A module without its imports and exports."""
    return _EXPORTS.sub("", _EXPORT.sub("", _IMPORT.sub("", source)))


def _names(names: str) -> list[str]:
    """The names in the braces of an import."""
    return [name.strip() for name in names.split(",") if name.strip()]


def _minified(script: str) -> str:
    """The script with short names, or at least without comments and white space."""
    smaller: str = script
    if minify is not None:
        smaller = minify.string("text/javascript", script)
    elif rjsmin is not None:
        smaller = rjsmin.jsmin(script)
    return smaller.rstrip("\n") + "\n"


def _collected(folder: Path, names: Iterable[str]) -> dict[str, str]:
    """Some modules and what they import, each behind what it imports."""
    modules: dict[str, str] = {}
    for name in names:
        _collect(folder, name, modules, ())
    return modules


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
    bare = _LATER.sub("", _declarations(source))
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
