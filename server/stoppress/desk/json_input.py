"""Decodes and validates JSON input, with errors that name line and column or the field.

Rules: input that is not JSON raises BrokenJson, with line and column, even if an
earlier field is invalid too; JSON that is not allowed raises Invalid, with the
field's path, such as `authors[0].url`. Nothing is coerced. A key that occurs twice
in one object is refused, as it is unclear which of the two was meant.
"""

from __future__ import annotations

import json
import re
from typing import TypeVar, get_args

import msgspec

from stoppress.desk.caller import SCOPES
from stoppress.domain.draft import DraftState
from stoppress.domain.errors import BrokenJson, Invalid
from stoppress.domain.feed import Status, Visibility
from stoppress.domain.post import Direction, Verification
from stoppress.domain.undecodable_json import UNDECODABLE

T = TypeVar("T")
Object = dict[str, object]

LONGEST_PATH, LONGEST_VALUE = 200, 80
"""Characters of the input that an error quotes, at most."""

_any = msgspec.json.Decoder()
_object = msgspec.json.Decoder(dict[str, object])

_ADDRESS = "is invalid: use https://…, http://…, or a path that begins with one /"
_LANGUAGE = "is invalid: use a language tag (BCP 47), such as en, tr, or pt-BR"
_PATTERNS = {"https?://": _ADDRESS, "[A-Za-z]{2,8}": _LANGUAGE}
"""The reason to give if a text does not match, by the beginning of the pattern."""

_CHOICES: dict[str, tuple[str, ...]] = {
    "type": ("image", "quote", "link", "embed"),
    "status": get_args(Status),
    "visibility": get_args(Visibility),
    "direction": get_args(Direction),
    "verification": get_args(Verification),
    "state": get_args(DraftState),
    "scopes": SCOPES,
}
_SET_BY_SERVER = frozenset(
    {"id", "url", "html", "updated_at", "created_at", "closed_at"}
    | {
        "rev",
        "at",
        "cursor",
        "owner",
        "edited_by",
        "approved_by",
        "comments",
        "refusal",
    }
)
_JSON_NAMES = {
    "str": "a text",
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "array": "a list",
    "object": "an object",
    "null": "null",
}
_PATH = re.compile(r" - at `(key in )?\$\.?(?P<path>[^`]*)`$")
_UNKNOWN = re.compile(r"Object contains unknown field `(?P<name>.*)`", re.DOTALL)
_MISSING = re.compile(r"Object missing required field `(?P<name>.*)`")
_TYPE = re.compile(r"Expected `(?P<want>[a-z |]+)`, got `(?P<got>[a-z]+)`")
_BOUND = re.compile(
    r"Expected `(?P<kind>[a-z]+)` (?P<length>of length )?(?P<sign>[<>]=) (?P<bound>\d+)"
)
_TOKEN = re.compile(
    r'(?P<key>"(?:[^"\\]|\\.)*")\s*:|"(?:[^"\\]|\\.)*"|(?P<open>\{)|(?P<close>\})'
)
# Without the line breaks of word processors, U+000B and U+000C: see
# `input_normalization`.
_CONTROL = re.compile("[\x00-\x08\x0e-\x1f\x7f\ufffe\uffff]")


def read(raw: bytes, decoder: msgspec.json.Decoder[T]) -> T:
    """Decode `raw`. Raises BrokenJson or Invalid."""
    try:
        value = decoder.decode(raw)
    except msgspec.ValidationError as wrong:
        # msgspec stops at the first invalid field: the rest may not be JSON.
        check_json(raw)
        check_keys(raw)
        raise invalid(str(wrong)) from None
    except UNDECODABLE:
        raise broken(raw) from None
    check_keys(raw)
    # Control characters occur only as escapes, besides U+FFFE and U+FFFF; few inputs
    # contain any.
    if b"\\u" in raw or b"\xef\xbf" in raw:
        check_characters(_any.decode(raw))
    return value


def read_object(raw: bytes) -> Object:
    """Decode the JSON object in `raw`, such as a merge patch."""
    return read(raw, _object)


def check_json(raw: bytes) -> None:
    """Raises BrokenJson unless `raw` is JSON."""
    try:
        _any.decode(raw)
    except msgspec.ValidationError:
        return  # it is JSON, with a number that is too large
    except UNDECODABLE:
        raise broken(raw) from None


class _DuplicateKey(Exception):
    """An object has a key twice."""


def _refuse_duplicates(pairs: list[tuple[str, object]]) -> None:
    if len(dict(pairs)) < len(pairs):
        raise _DuplicateKey


# Numbers are not parsed, which is faster: 2 µs for a post of 400 bytes.
_keys = json.JSONDecoder(
    object_pairs_hook=_refuse_duplicates, parse_int=len, parse_float=len
)


def check_keys(raw: bytes) -> None:
    """Raises BrokenJson if `raw` is not JSON, or an object in it has a key twice."""
    try:
        text = raw.decode()
    except UnicodeDecodeError:
        raise broken(raw) from None
    try:
        _keys.decode(text)
    except RecursionError:
        raise BrokenJson("too deeply nested", 1, 1) from None
    except _DuplicateKey:
        raise _duplicate(text) from None
    except json.JSONDecodeError:
        # The text after a number that is too large is not checked yet.
        raise broken(raw) from None


def _duplicate(text: str) -> BrokenJson:
    """The error for the first duplicate key, with its line and column."""
    objects: list[set[str]] = []
    for found in _TOKEN.finditer(text):
        if found["open"]:
            objects.append(set())
        elif found["close"]:
            objects.pop()
        elif found["key"]:
            name = json.loads(found["key"])
            if name in objects[-1]:
                words = f"the key {name[:80]!r} is a duplicate: send it once"
                return _broken(words, text[: found.start()])
            objects[-1].add(name)
    raise AssertionError("no key is a duplicate")


def convert(value: Object, kind: type[T]) -> T:
    """The merged JSON object `value` as a `kind`. Raises Invalid."""
    try:
        return msgspec.convert(value, kind)
    except msgspec.ValidationError as wrong:
        raise invalid(str(wrong)) from None


def invalid(message: str) -> Invalid:
    """Translate a message of msgspec to the error of this API."""
    match = _PATH.search(message)
    # In a merge patch, msgspec does not report the names of the parent fields.
    path = match["path"].partition("[...]")[0][:LONGEST_PATH] if match else ""
    reason = message[: match.start()] if match else message
    if found := _UNKNOWN.fullmatch(reason):
        return unknown_field(_join(path, found["name"]))
    if found := _MISSING.fullmatch(reason):
        return Invalid(_join(path, found["name"]), "is missing")
    if found := _TYPE.fullmatch(reason):
        want = " or ".join(_JSON_NAMES.get(w, w) for w in found["want"].split(" | "))
        got = _JSON_NAMES.get(found["got"], found["got"])
        return Invalid(path, f"must be {want}, not {got}")
    if found := _BOUND.fullmatch(reason):
        return Invalid(path, _out_of_bounds(found))
    if "matching regex" in reason:
        for beginning, words in _PATTERNS.items():
            if beginning in reason:
                return Invalid(path, words)
    choices = _CHOICES.get(path.rpartition(".")[2].partition("[")[0])
    if choices is not None and reason.startswith("Invalid enum value"):
        given = reason[19:].strip("'")[:LONGEST_VALUE]
        return Invalid(path, f"{given!r} is invalid: use one of {', '.join(choices)}")
    return Invalid(path, reason[:LONGEST_PATH])


def _out_of_bounds(found: re.Match[str]) -> str:
    """What is wrong with a value that is too short, long, small or large."""
    bound, is_minimum = found["bound"], found["sign"] == ">="
    if not found["length"]:
        return f"is invalid: use {bound} or {'more' if is_minimum else 'less'}"
    unit = "characters" if found["kind"] == "str" else "entries"
    if is_minimum and bound == "1":
        return f"is empty: use 1 or more {unit}"
    return f"is too {'short' if is_minimum else 'long'}: use {bound} {unit} or " + (
        "more" if is_minimum else "fewer"
    )


def unknown_field(path: str) -> Invalid:
    """The error for a field that input may not contain."""
    path = path[:LONGEST_PATH]
    if path.rpartition(".")[2] in _SET_BY_SERVER:
        return Invalid(path, "unknown field: the server sets it, leave it out")
    return Invalid(path, "unknown field: /openapi.json lists the allowed ones")


def check_characters(value: object, path: str = "") -> None:
    """Raises Invalid for a text with control characters, which no page can show."""
    if isinstance(value, str):
        if found := _CONTROL.search(value):
            number = ord(found[0])
            raise Invalid(
                path, f"contains the control character U+{number:04X}: remove it"
            )
    elif isinstance(value, list):
        for index, item in enumerate(value):
            check_characters(item, f"{path}[{index}]")
    elif isinstance(value, dict):
        for name, item in value.items():
            check_characters(item, _join(path, name))


def broken(raw: bytes) -> BrokenJson:
    """The error for `raw`, which is not JSON: reason, line and column."""
    try:
        text = raw.decode()
    except UnicodeDecodeError as wrong:
        return _broken("not UTF-8", raw[: wrong.start].decode())
    try:
        # Python refuses to parse a number of 5,000 digits.
        json.loads(text, parse_int=len)
    except json.JSONDecodeError as wrong:
        return _broken(wrong.msg, text[: wrong.pos])
    except RecursionError:
        return BrokenJson("too deeply nested", 1, 1)
    # Python accepts values that JSON does not allow: NaN, half a surrogate pair.
    try:
        _any.decode(raw)
    except msgspec.DecodeError as wrong:
        found = re.search(r"(.*) \(byte (\d+)\)$", str(wrong))
        if found is not None:
            before = raw[: int(found[2])].decode(errors="replace")
            return _broken(found[1].removeprefix("JSON is malformed: "), before)
    return _broken("half of a surrogate pair", text[: max(text.find("\\u"), 0)])


def _broken(reason: str, before: str) -> BrokenJson:
    line = before.count("\n") + 1
    column = len(before) - (before.rfind("\n") + 1) + 1
    return BrokenJson(reason[:1].lower() + reason[1:], line, column)


def _join(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name
