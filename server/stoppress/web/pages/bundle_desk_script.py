"""Bundles the desk's modules into one script, without their comments.

One file is one request: the desk opens in one round trip, and texts that modules repeat
are compressed together. Rules, each with an error if it is broken:
- Imports are static, by name, of a module in the same folder or of the reader's
  package, without cycles; `import("./name.js")` is the only other form.
- Exports are declarations. Each module has a scope of its own, so names never collide.
- Private members (`#name`) are declared at the start of a line and used after a dot.
  They get short names, as nothing outside their module names them: 2 % of what is sent.
- A line that begins with `const` begins with `let`, and one before a line that begins
  with a word or a brace ends without its semicolon: another 1 %. No template has lines,
  and no loop has an empty body, which would be the next line then.
- Blanks around operators and braces are left out: 2 %. A line with a template, a
  regular expression or a string in single quotes is left as it is.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from posixpath import dirname, join, normpath

_IMPORT = re.compile(r'^import \{([^}]*)\} from "(\.[^"]+)";\n', re.MULTILINE)
_LATER = re.compile(r'\bimport\("(\.[^"]+)"\)')
_EXPORTED = re.compile(r"^export (?:async )?(?:const|let|function|class) (\w+)", re.M)
_LISTED = re.compile(r"^export \{([^}]*)\};\n", re.MULTILINE)
_EXPORT = re.compile(r"^export (?=async |const |let |function |class )", re.MULTILINE)
_COMMENT = re.compile(r"/\*\*(?:(?!\*/).)*\*/[ \t]*\n?", re.DOTALL)
_LINE_COMMENT = re.compile(r"^[ \t]*//.*\n", re.MULTILINE)
_INDENT = re.compile(r"^ +|\n(?=\n)", re.MULTILINE)
_PRIVATE = re.compile(r"^(?:(?:get|set|async|static) )*\*?#(\w+)", re.MULTILINE)
_PRIVATE_USE = re.compile(
    r"(?P<before>\.|^(?:(?:get|set|async|static) )*\*?)#(?P<name>\w+)", re.MULTILINE
)
_PRIVATE_ELSEWHERE = re.compile(r"#\w+ in\b")
_CONST = re.compile(r"^const (?=[\w{\[])", re.MULTILINE)
_SEMICOLON = re.compile(r";(?=\n(?!(?:in|instanceof|of)\b)[\w}])")
"""What JavaScript adds again, at the end of a statement or of a private member."""
_EMPTY_BODY = re.compile(
    r"^(?:for|if|while) \((?:[^()\n]|\((?:[^()\n]|\([^()\n]*\))*\))*\);$", re.MULTILINE
)
_STRING = re.compile(r'("(?:[^"\\\n]|\\.)*")')
_OTHER_TEXT = re.compile(r"[`'/]")
_BLANKS = re.compile(r" ?(=>|&&|\|\||\?\?|[={},:?]) ?")
_LETTERS = "abcdefghijklmnopqrstuvwxyz"
_LEFT = re.compile(r"^(?:import|export)\b.*", re.MULTILINE)


class CannotBundle(ValueError):
    """A module has a form that the rules do not allow."""


def desk_script(entry: str, sources: Mapping[str, str]) -> str:
    """The script of `entry` and of all modules that it imports. Raises CannotBundle."""
    order: list[str] = []
    _collect(entry, sources, order, ())
    names = {path: f"m{number}" for number, path in enumerate(order)}
    parts = [_module(path, sources[path], names) for path in order[:-1]]
    return "".join([*parts, _body(entry, sources[entry], names)])


def _collect(
    path: str, sources: Mapping[str, str], order: list[str], above: tuple[str, ...]
) -> None:
    if path in above:
        raise CannotBundle(f"{path} imports itself: {' > '.join((*above, path))}")
    if path in order:
        return
    if path not in sources:
        raise CannotBundle(f"{above[-1]} imports {path}, which does not exist")
    code = _COMMENT.sub("", sources[path])
    found = [one[1] for one in _IMPORT.findall(code)] + _LATER.findall(code)
    for name in found:
        _collect(_beside(path, name), sources, order, (*above, path))
    order.append(path)


def _beside(path: str, name: str) -> str:
    return normpath(join(dirname(path), name))


def _module(path: str, source: str, names: Mapping[str, str]) -> str:
    listed = [name for names in _LISTED.findall(source) for name in names.split(",")]
    exported = _EXPORTED.findall(source) + [name.strip() for name in listed]
    given = ", ".join(name for name in exported if name)
    body = _body(path, _LISTED.sub("", source), names)
    return f"const {names[path]} = (() => {{\n{body}return {{ {given} }};\n}})();\n"


def _body(path: str, source: str, names: Mapping[str, str]) -> str:
    code = _LINE_COMMENT.sub("", _COMMENT.sub("", source))
    taken = [
        f"const {{ {_taken(one[1])} }} = {names[_beside(path, one[2])]};\n"
        for one in _IMPORT.finditer(code)
    ]
    code = _EXPORT.sub("", _IMPORT.sub("", code))
    code = _LATER.sub(
        lambda one: f"Promise.resolve({names[_beside(path, one[1])]})", code
    )
    if left := _LEFT.search(code):
        raise CannotBundle(f"{path} has {left[0]!r}: import and export by name")
    if left := _PRIVATE_ELSEWHERE.search(code):
        raise CannotBundle(f"{path} has {left[0]!r}: use private members after a dot")
    code = _with_short_names(_INDENT.sub("", code).lstrip("\n"))
    if left := _EMPTY_BODY.search(code):
        raise CannotBundle(f"{path} has {left[0]!r}: write its empty body as {{}}")
    code = _SEMICOLON.sub("", _CONST.sub("let ", "".join(taken) + code))
    return "\n".join(map(_without_blanks, code.split("\n")))


def _without_blanks(line: str) -> str:
    """The line without blanks that separate no words."""
    parts = _STRING.split(line)
    codes = parts[::2]
    if any(_OTHER_TEXT.search(code) for code in codes):
        return line
    parts[::2] = [_BLANKS.sub(r"\1", code) for code in codes]
    return "".join(parts)


def _with_short_names(code: str) -> str:
    """The code of a module with short names for its private members."""
    members = list(dict.fromkeys(_PRIVATE.findall(code)))
    short = {name: _short(number) for number, name in enumerate(members)}

    def shortened(found: re.Match[str]) -> str:
        name = found["name"]
        return f"{found['before']}#{short[name]}" if name in short else found[0]

    return _PRIVATE_USE.sub(shortened, code)


def _short(number: int) -> str:
    """a, b, … z, aa, ab, …"""
    more, letter = divmod(number, len(_LETTERS))
    return (_short(more - 1) if more else "") + _LETTERS[letter]


def _taken(names: str) -> str:
    """The names of an import, as the pattern of a declaration."""
    each = [name.strip().replace(" as ", ": ") for name in names.split(",")]
    return ", ".join(name for name in each if name)
