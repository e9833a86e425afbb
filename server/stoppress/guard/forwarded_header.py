"""Reads the header Forwarded (RFC 7239): what each proxy says of the one before it.

Rules:
- Elements end at a comma and pairs at a semicolon, except in a quoted value, where `\\`
  escapes a character. Names are read in any case.
- As many proxies write them, blanks may surround a pair, and an unquoted value may hold
  what only a quoted one should: `host=news.example:8443`.
- A malformed element is None, and stays in its place: a pair without `=`, a name that
  occurs twice, a quote that nothing ends. A client can write such elements before a
  proxy's own; none is repaired, as what a quote swallowed may be the proxy's.
- A header of more than MAX_FORWARDED characters is one malformed element.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

Element = Mapping[str, str]
"""The pairs of one proxy, by their lower-case names."""

MAX_FORWARDED = 4096
"""Sixteen proxies say some 1,500 characters."""

_QUOTED = r'"(?:[^"\\]|\\.)*+'
_PART = re.compile(rf'((?:[^",;]|{_QUOTED}(?:"|\\?\Z))*+)([,;]|\Z)', re.DOTALL)
"""A pair or an error, and what ends it; matches everywhere."""
_PAIR = re.compile(
    rf"""[ \t]*([\w!#$%&'*+.^`|~-]+)=(?:({_QUOTED})"|([^\s"]*))[ \t]*""",
    re.ASCII | re.DOTALL,
)
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)


def elements(header: str) -> list[Element | None]:
    """The elements of a header, the nearest proxy's last; None: a malformed one."""
    if len(header) > MAX_FORWARDED:
        return [None]
    found: list[Element | None] = []
    pairs: dict[str, str] = {}
    is_valid = True
    for text, end in _PART.findall(header):
        if text.strip(" \t"):
            is_valid = _add(pairs, text) and is_valid
        if end != ";":
            # Of a list's empty elements nothing is said (RFC 9110, 5.6.1).
            if pairs or not is_valid:
                found.append(pairs if is_valid else None)
            pairs, is_valid = {}, True
    return found


def _add(pairs: dict[str, str], text: str) -> bool:
    """Add the pair in `text`; False if there is none, or its name is there already."""
    match = _PAIR.fullmatch(text)
    if match is None:
        return False
    name, quoted, plain = match.groups()
    name = name.lower()
    is_new = name not in pairs
    pairs[name] = plain if quoted is None else _ESCAPED.sub(r"\1", quoted[1:])
    return is_new
