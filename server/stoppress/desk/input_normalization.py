"""Normalizes texts and times of an editor's input to the form that is stored.

Rules:
- An empty optional text is None. A text of invisible characters alone is empty.
- The line breaks of word processors (U+000B, U+000C, U+0085, U+2028, U+2029), which
  no page shows, become line breaks in fields of several lines, spaces in others.
- Bidirectional controls are closed in the field (`domain.bidi`), except in a post's
  body, whose paragraphs are blocks of the page.
"""

from __future__ import annotations

import re
from functools import cache
from typing import TypeVar

import msgspec

from stoppress.domain.close_bidi_controls import CONTROLS, closed
from stoppress.domain.errors import Invalid
from stoppress.domain.invisible_text import is_blank
from stoppress.domain.timestamps import instant, parse_instant
from stoppress.domain.web_address import address_fault, addresses_in

T = TypeVar("T", bound=msgspec.Struct)

_LAST_MS = 253_402_300_799_999
"""The end of the year 9999; later times would not sort as texts."""

_LINE, _PARAGRAPH = "[\x0b\x0c\x85\u2028]", "\u2029"
# Only the first space of a run begins a match: a long run is read once.
_BREAK = re.compile(f"(?:(?<! ) +)?(?:{_LINE}|{_PARAGRAPH}) *")
_LINE_BREAK = re.compile(f"(?:(?<! ) +)?{_LINE}")
_ODD = re.compile(f"[\x0b\x0c\x85\u2028\u2029{CONTROLS}]")
_SEVERAL_LINES = frozenset(
    {"standfirst", "summary", "text", "note", "notes", "alt", "caption", "body"}
)


def normalized(value: T) -> T:
    """The value with its texts normalized, nested structs included. Raises Invalid."""
    changed: dict[str, object] = {}
    held: object
    fields = zip(_fields(type(value)), msgspec.structs.astuple(value), strict=True)
    for (name, is_optional), held in fields:
        if not held:
            if held == "" and is_optional:
                changed[name] = None
            continue
        now = held
        if isinstance(held, str):
            # Controls that close nothing are removed.
            empty = None if is_optional else ""
            now = normalized_text(held, name) or empty
        elif isinstance(held, msgspec.Struct):
            now = normalized(held)
        elif isinstance(held, tuple):
            now = tuple(
                normalized(item)
                if isinstance(item, msgspec.Struct)
                else normalized_text(item, name)
                for item in held
            )
        if now is not held and now != held:
            changed[name] = now
    if not changed:
        return value
    after = msgspec.structs.replace(value, **changed)
    for name, now in changed.items():
        if isinstance(now, str) and not 0 < len(now) <= len(getattr(value, name)):
            _check_limits(after, name)
    return after


@cache
def _fields(kind: type[msgspec.Struct]) -> tuple[tuple[str, bool], ...]:
    """The fields of a struct, and whether they are None when left out.

    Cached: msgspec compiles every annotation anew, which took longer than all the rest
    of a publish.
    """
    return tuple(
        (field.name, field.default is None) for field in msgspec.structs.fields(kind)
    )


def normalized_text(text: str, field: str) -> str:
    """The text of a field without odd line breaks and open controls."""
    # What is odd is not ASCII, but for two: looked for so, it takes a tenth.
    if text.isascii() and "\x0b" not in text and "\x0c" not in text:
        return text
    if is_blank(text):
        return ""
    if _ODD.search(text) is None:
        return text
    if field == "body":
        # A visible line break in Markdown.
        text = _LINE_BREAK.sub("  \n", text)
        return text.replace(_PARAGRAPH, "\n\n")
    return closed(_BREAK.sub("\n" if field in _SEVERAL_LINES else " ", text))


def _check_limits(value: msgspec.Struct, field: str) -> None:
    """Raises Invalid if the normalized text is too long for the field."""
    try:
        msgspec.convert(msgspec.to_builtins(value), type(value))
    except msgspec.ValidationError as wrong:
        if not getattr(value, field):
            raise Invalid(field, "shows nothing: write a text") from None
        reason = str(wrong).partition(" - at ")[0]
        raise Invalid(field, f"{reason}, its line breaks included") from None


def check_addresses(draft: msgspec.Struct, before: msgspec.Struct | None) -> None:
    """Raises Invalid for a new address that links may not lead to.

    An address in `before` was accepted by an earlier release, and stays valid.
    """
    found = list(addresses_in(draft))
    kept = {url for _, url in addresses_in(before)} if found and before else set()
    for path, url in found:
        if url not in kept and (fault := address_fault(url)) is not None:
            raise Invalid(path, fault)


def time_or_none(text: str | None, field: str) -> str | None:
    """The time in canonical form, None if there is none. Raises Invalid."""
    return None if text is None else canonical_time(text, field)


def canonical_time(text: str, field: str) -> str:
    """The time in canonical form. Raises Invalid."""
    try:
        moment = parse_instant(text)
    except (ValueError, OverflowError) as wrong:
        raise Invalid(field, str(wrong)) from None
    if not 0 <= moment <= _LAST_MS:
        raise Invalid(
            field, f"{text!r} is invalid: use a time in the years 1970 to 9999"
        )
    return instant(moment)
