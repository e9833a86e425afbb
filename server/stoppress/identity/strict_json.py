"""Parses untrusted JSON into plain values, and refuses what is ambiguous.

Rules: UTF-8 only, an object at the top, no name twice in an object at any depth, no NaN
or Infinity, no half of a surrogate pair, which is no text (RFC 8259, 8.2), at most
MAX_DEPTH levels. Text that two parsers could read differently is
refused.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, NoReturn

MAX_DEPTH = 8
"""Levels of objects and arrays; claims of identity providers have three or four."""


class AmbiguousJson(ValueError):
    """The text is not a JSON object, or is ambiguous."""


def read_object(raw: bytes) -> dict[str, Any]:
    """The object in `raw`. Raises AmbiguousJson."""
    try:
        text = raw.decode("utf-8")
        _check_depth(text)
        found = json.loads(text, object_pairs_hook=_unique, parse_constant=_no_constant)
        if "\\u" in text:
            # Only an escape gives half of a pair. Raises ValueError then.
            json.dumps(found, ensure_ascii=False).encode()
    except (ValueError, RecursionError) as error:
        raise AmbiguousJson(str(error)[:100]) from None
    if not isinstance(found, dict):
        raise AmbiguousJson("not an object")
    return found


def _check_depth(text: str) -> None:
    # Brackets in strings count too: no expected claim has eight of them open.
    depth = 0
    for character in text:
        if character in "[{":
            depth += 1
            if depth > MAX_DEPTH:
                raise AmbiguousJson("nested too deeply")
        elif character in "]}":
            depth -= 1


def _unique(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise AmbiguousJson("a name occurs twice")
    return found


def _no_constant(name: str) -> NoReturn:
    raise AmbiguousJson(f"{name} is not JSON")
