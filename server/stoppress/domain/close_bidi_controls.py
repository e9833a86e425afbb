"""Closes the bidirectional controls of a text, so that none reaches what follows it.

Pure. Unicode's embeddings, overrides and isolates hold until they are closed or the
paragraph ends. Several fields are shown in one line (a post's title and the feed's, a
source and its tags), where an open control in one would reverse the next.
"""

from __future__ import annotations

import re

CONTROLS = "\u202a-\u202e\u2066-\u2069"
"""The controls that open or close something, as a class of a regular expression."""

_CONTROL = re.compile(f"[{CONTROLS}]")
_POP, _POP_ISOLATE = "\u202c", "\u2069"
_ISOLATES = "\u2066\u2067\u2068"


def closed(text: str) -> str:
    """The text, each line's open controls closed, and without stray closing ones."""
    if _CONTROL.search(text) is None:
        return text
    return "\n".join(map(_closed_line, text.split("\n")))


def _closed_line(line: str) -> str:
    open_: list[str] = []
    kept: list[str] = []
    for char in line:
        if char in _ISOLATES:
            open_.append(_POP_ISOLATE)
        elif char == _POP:
            if not open_ or open_[-1] != _POP:
                continue
            open_.pop()
        elif char == _POP_ISOLATE:
            if _POP_ISOLATE not in open_:
                continue
            # It closes the embeddings inside the isolate too.
            while open_.pop() != _POP_ISOLATE:
                pass
        elif _CONTROL.match(char):
            open_.append(_POP)
        kept.append(char)
    return "".join(kept + open_[::-1])
