"""Names the licence of each package that a server runs with; fails for one not allowed.

`make audit` runs it. What a package says of itself is taken: an expression, else its
classifiers, else its text.
"""

from __future__ import annotations

import re
import sys
from importlib.metadata import PackageNotFoundError, distribution

ALLOWED = re.compile(
    r"MIT|BSD|Apache|ISC|PSF|Python Software Foundation|MPL|Mozilla|Unlicense|0BSD|Zlib"
)
FORBIDDEN = re.compile(r"(?<!L)GPL|AGPL|SSPL|Commons Clause|BUSL", re.IGNORECASE)
_NAME = re.compile(r"[A-Za-z0-9._-]+")


def needed(root: str) -> list[str]:
    """The packages that `root` needs to run, all the way down, that are installed."""
    found: dict[str, None] = {}
    waiting = [root]
    while waiting:
        name = waiting.pop().lower().replace("_", "-")
        if name in found:
            continue
        try:
            requires = distribution(name).requires or []
        except PackageNotFoundError:
            continue  # for another system
        found[name] = None
        for line in requires:
            match = _NAME.match(line)
            if match and "extra ==" not in line:
                waiting.append(match[0])
    return sorted(found)


def licence_of(name: str) -> str:
    """What the package says of its licence."""
    told = distribution(name).metadata.json
    classifiers = [
        one.rpartition(" :: ")[2]
        for one in told.get("classifier") or []
        if one.startswith("License ::")
    ]
    for said in (told.get("license_expression"), ", ".join(classifiers)):
        if said:
            return str(said)
    return str(told.get("license") or "").split("\n")[0]


def main() -> int:
    """Print all; 1 if one is not allowed."""
    wrong = []
    for name in needed("stop-press"):
        licence = licence_of(name)
        print(f"{name:24} {licence}")  # noqa: T201
        if FORBIDDEN.search(licence) or not ALLOWED.search(licence):
            wrong.append(name)
    if wrong:
        print(f"not allowed, or unknown: {', '.join(wrong)}")  # noqa: T201
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
