"""The share targets of a page, such as mail or WhatsApp.

Rules: the setting `share` names them, and a feed may name its own. Unknown names, such
as `link` (copying the address is always offered), are left out.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from stoppress.settings import SHARE_TARGETS

_WRITTEN = {"whatsapp": "WhatsApp", "linkedin": "LinkedIn"}


class ShareTarget(NamedTuple):
    """What a share target is called, and where it takes an address."""

    label: str
    address: str


def targets(mail: str) -> dict[str, ShareTarget]:
    """All share targets, by the names that settings and feeds use.

    `mail` is the translated label of that one.
    """
    labels = {"mail": mail, **_WRITTEN}
    return {
        name: ShareTarget(labels.get(name, name.capitalize()), address)
        for name, address in SHARE_TARGETS.items()
    }


def shared(words: Mapping[str, Any]) -> list[ShareTarget]:
    """The share targets of a page, in the order of the setting."""
    known = words["targets"]
    return [known[name] for name in words["shared"] if name in known]
