"""Normalizes texts and times of an editor's input to the form that is stored."""

from __future__ import annotations

from typing import TypeVar

import msgspec

from stoppress.domain.errors import Invalid
from stoppress.domain.timestamps import instant, parse_instant

T = TypeVar("T", bound=msgspec.Struct)

_LAST_MS = 253_402_300_799_999
"""The end of the year 9999; later times would not sort as texts."""


def without_blanks(value: T) -> T:
    """The value with None for each empty optional text, nested structs included."""
    changed: dict[str, object] = {}
    for field in msgspec.structs.fields(value):
        held = getattr(value, field.name)
        if held == "" and field.default is None:
            changed[field.name] = None
        elif isinstance(held, msgspec.Struct):
            changed[field.name] = without_blanks(held)
        elif isinstance(held, tuple) and held and isinstance(held[0], msgspec.Struct):
            changed[field.name] = tuple(without_blanks(item) for item in held)
    return msgspec.structs.replace(value, **changed) if changed else value


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
