"""The places where a reader may share a post, as they are shown.

Rules: a site's setting names them, and a feed that names its own has those. What is no
place that is known, such as `link` (copying is always there), is left out.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from stoppress.settings import SHARE_TARGETS

_WRITTEN = {"whatsapp": "WhatsApp", "linkedin": "LinkedIn"}


class ShareTarget(NamedTuple):
    """Where to, by the name that settings and feeds use."""

    name: str
    label: str
    address: str


def targets(mail: str) -> list[ShareTarget]:
    """All that there are; `mail` is the word for that one."""
    labels = {"mail": mail, **_WRITTEN}
    return [
        ShareTarget(name, labels.get(name, name.capitalize()), address)
        for name, address in SHARE_TARGETS.items()
    ]


def shared(words: Mapping[str, Any]) -> list[ShareTarget]:
    """Those that a page offers, in the order in which they were named."""
    known = {target.name: target for target in words["targets"]}
    return [known[name] for name in words["shared"] if name in known]
