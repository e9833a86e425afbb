"""The short list of places where a reader may share a post, as it is shown."""

from __future__ import annotations

from collections.abc import Iterable

from stoppress.settings import SHARE_TARGETS

_WRITTEN = {"whatsapp": "WhatsApp", "linkedin": "LinkedIn"}


def targets(names: Iterable[str], mail: str) -> list[tuple[str, str]]:
    """Label and address of each; `mail` is the word for that one."""
    labels = {"mail": mail, **_WRITTEN}
    return [
        (labels.get(name, name.capitalize()), SHARE_TARGETS[name]) for name in names
    ]
