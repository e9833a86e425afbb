"""The regular expressions of the whole package: none is slow on a hostile text.

A search that begins anew at each character of a long run, and reads to its end each
time, takes seconds for 50,000 characters: one request would stop a whole process.

Texts are made from an expression itself: what precedes each of its repeats, the
repeated part many times, and an end that does not match. They are given to it the way
its module does. A slow one takes 3 to 50 s of processor time, any other milliseconds:
the limit between them is of processor time, and far from both.
"""

from __future__ import annotations

import ast
import importlib
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

PACKAGE = Path(__file__).parents[2] / "server" / "stoppress"
LENGTH = 50_000
MANY = 1000
"""A repeat with a higher limit than this counts as unlimited."""
LIMIT_S = 1.0
ENDS = ("", "\0")
ALONE = {
    "cli/posts.py": "what a user of the command line types",
    "web/pages/bundle_desk_script.py": "the desk's own scripts, when a server starts",
}
"""Modules whose expressions only read what we wrote, and what that is."""
CALLS = ("match", "fullmatch", "search", "sub", "findall", "finditer", "split")

_parser = importlib.import_module("re._parser")


def trees() -> Iterator[tuple[Path, ast.Module]]:
    """Every module of the package."""
    for path in sorted(PACKAGE.rglob("*.py")):
        text = path.read_text("utf-8")
        if "import re" in text:
            yield path, ast.parse(text)


def named(tree: ast.Module) -> set[tuple[str, str]]:
    """The names of what a module calls to match, each with the call."""
    return {
        (node.value.id, node.attr)
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute)
        and node.attr in CALLS
        and isinstance(node.value, ast.Name)
    }


def expressions() -> Iterator[tuple[str, re.Pattern[Any], str]]:
    """Every expression that is used by a name: where, and in which call."""
    for path, tree in trees():
        place = str(path.relative_to(PACKAGE))
        if place in ALONE:
            continue
        dotted = ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts)
        for name, call in sorted(named(tree)):
            if name.isupper():
                found = getattr(importlib.import_module(dotted), name, None)
                if isinstance(found, re.Pattern):
                    yield f"{place} {name}", found, call


def member(items: list[Any]) -> str:
    """A character of a set."""
    negated = bool(items) and str(items[0][0]) == "NEGATE"
    for code in (*range(97, 123), *range(32, 97), *range(32), *range(123, 1 << 16)):
        if any(has(item, code) for item in items) is not negated:
            return chr(code)
    raise AssertionError(items)


def has(item: tuple[Any, Any], code: int) -> bool:
    """Whether one part of a set has a character."""
    kind, value = str(item[0]), item[1]
    if kind == "LITERAL":
        return bool(value == code)
    if kind == "RANGE":
        return bool(value[0] <= code <= value[1])
    if kind == "CATEGORY":
        letter = {"DIGIT": r"\d", "SPACE": r"\s", "WORD": r"\w"}
        name = str(value).removeprefix("CATEGORY_").removeprefix("NOT_")
        is_not = "_NOT_" in str(value)
        return (re.match(letter[name], chr(code)) is None) is is_not
    return False


def sample(parts: Any) -> str:
    """A text that the parts of an expression match, looking neither ahead nor back."""
    return "".join(one(kind, value) for kind, value in parts)


def one(kind: Any, value: Any) -> str:
    """A text that one part matches."""
    match str(kind):
        case "LITERAL":
            return chr(value)
        case "NOT_LITERAL":
            return "a" if value != ord("a") else "b"
        case "ANY":
            return "a"
        case "IN":
            return member(value)
        case "BRANCH":
            return sample(value[1][0])
        case "SUBPATTERN":
            return sample(value[-1])
        case "ATOMIC_GROUP":
            return sample(value)
        case "MAX_REPEAT" | "MIN_REPEAT" | "POSSESSIVE_REPEAT":
            return sample(value[2]) * max(1, int(value[0]))
    return ""


def repeats(parts: Any, before: str = "") -> Iterator[tuple[str, str]]:
    """What precedes each unlimited repeat, and a text of the repeated part."""
    for kind, value in parts:
        match str(kind):
            case "MAX_REPEAT" | "MIN_REPEAT" | "POSSESSIVE_REPEAT":
                if int(value[1]) > MANY:
                    yield before, sample(value[2])
                yield from repeats(value[2], before)
            case "SUBPATTERN":
                yield from repeats(value[-1], before)
            case "ATOMIC_GROUP":
                yield from repeats(value, before)
            case "BRANCH":
                for branch in value[1]:
                    yield from repeats(branch, before)
        before += one(kind, value)


def hostile(expression: re.Pattern[Any]) -> Iterator[str]:
    """Texts that a slow expression would be slow on."""
    pattern = expression.pattern
    text = pattern if isinstance(pattern, str) else pattern.decode("latin-1")
    for before, unit in set(repeats(_parser.parse(text, expression.flags))):
        pumps = [(before, unit), ("", before)]
        # The second one for expressions that begin at the edge of a word.
        pumps += [("", before + unit), ("", f"{before}{unit}-")]
        for begin, pump in pumps:
            if pump:
                for end in ENDS:
                    yield begin + pump * (LENGTH // len(pump)) + end


def seconds(expression: re.Pattern[Any], call: str, text: str | bytes) -> float:
    """The processor time of one call."""
    arguments: tuple[Any, ...] = (text,)
    if call == "sub":
        arguments = (lambda found: found[0], text)
    began = time.thread_time()
    result = getattr(expression, call)(*arguments)
    if call == "finditer":
        list(result)
    return time.thread_time() - began


def is_slow(expression: re.Pattern[Any], call: str) -> bool:
    """Whether one of the texts that are made from it takes too long."""
    is_text = isinstance(expression.pattern, str)
    return any(
        seconds(expression, call, text if is_text else text.encode()) > LIMIT_S
        for text in hostile(expression)
    )


def test_no_expression_is_slow() -> None:
    """On any of the texts that are made from it."""
    found = list(expressions())
    assert len(found) > 50
    assert [place for place, one, call in found if is_slow(one, call)] == []


@pytest.mark.parametrize(
    ("slow", "text"),
    [
        (r"(\w+)=", "a" * LENGTH),
        (r"(?:-(?:a|b))+$", "-a" * (LENGTH // 2) + "\0"),
        (r'<a [^>]*?\bb="', "<a " * (LENGTH // 3)),
        (" *\n", " " * LENGTH),
        ("(:.*) x", ":" * LENGTH),
        (r"\b(eyJ)[\w-]+\.", "eyJa-" * (LENGTH // 5)),
    ],
)
def test_the_text_is_made_that_an_expression_is_slow_on(slow: str, text: str) -> None:
    """Of those that were slow once."""
    assert text in set(hostile(re.compile(slow)))


def test_an_expression_is_used_by_its_name() -> None:
    """Others are for settings and our own files, and are looked at by hand."""
    by_hand = {
        "desk/json_input.py": "what msgspec says of an error",
        "link_cards/fetch_page.py": "a header, and no repeat after a repeat",
        "log/redis_address.py": "a setting",
        "picture_embed_webhook_and_contact_settings.py": "a setting",
        "setting_declaration_and_checks.py": "a setting",
        "settings.py": "a setting",
        "web/pages/desk_files.py": "names of our own files",
        "web/pages/desk_tokens.py": "one repeat, of one class, that nothing follows",
        "web/pages/render_html.py": "one place",
    }
    found = {
        str(path.relative_to(PACKAGE))
        for path, tree in trees()
        if any(name == "re" for name, _ in named(tree))
    }
    assert found == set(by_hand)
