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
    """A share target, by the name that settings and feeds use."""

    name: str
    label: str
    address: str


def targets(mail: str) -> list[ShareTarget]:
    """All share targets; `mail` is the translated label of that one."""
    labels = {"mail": mail, **_WRITTEN}
    return [
        ShareTarget(name, labels.get(name, name.capitalize()), address)
        for name, address in SHARE_TARGETS.items()
    ]


def shared(words: Mapping[str, Any]) -> list[ShareTarget]:
    """The share targets of a page, in the order of the setting."""
    known = {target.name: target for target in words["targets"]}
    return [known[name] for name in words["shared"] if name in known]
