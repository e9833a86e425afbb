"""A page of several reports: each command writes its own part, and no other.

A part begins with its heading (`## `), up to the next. What is before the first is
the head.
"""

from __future__ import annotations

import re

LAST = "What can't be held"
"""The heading that stays below all others."""


def parts(page: str) -> tuple[str, dict[str, str]]:
    """The head, and the text below each heading."""
    head, *rest = re.split(r"^## (.*)\n", page, flags=re.MULTILINE)
    return head, dict(zip(rest[::2], rest[1::2], strict=True))


def joined(head: str, sections: dict[str, str]) -> str:
    """The page of these parts."""
    texts = [f"## {title}\n\n{text.strip()}\n" for title, text in sections.items()]
    return "\n".join([head.rstrip() + "\n", *texts])


def put(page: str, title: str, text: str) -> str:
    """The page with this below that heading; a new one comes before the last."""
    head, sections = parts(page)
    last = sections.pop(LAST, None)
    sections[title] = text
    if last is not None:
        sections[LAST] = last
    return joined(head, sections)
